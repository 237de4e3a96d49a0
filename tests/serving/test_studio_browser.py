"""A person's way through the studio, in a real Chromium: what is clicked, dragged and typed does what the page says it does."""

import json
import os
import re
import shutil
from contextlib import contextmanager

import pytest
import torch
from served import WORLD, quick_model, serving, tasks

from gedanken.data import EpisodeList
from gedanken.evaluation.report import Figure, ReportData, write_report
from gedanken.serving.door import Door
from gedanken.serving.studio.runs import run_folders
from gedanken.serving.studio.shelf import Shelf
from gedanken.types import Episode

CHROMIUM = os.environ.get("GEDANKEN_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
if CHROMIUM is None:
    pytest.skip("there is no chromium on this machine; .ci/run installs Debian's", allow_module_level=True)
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed; it is in the extra dev")
expect = playwright.expect

DESK, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
START, _ = tasks(1, seed=1)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    runs = tmp_path_factory.mktemp("runs")
    for name, rate in (("first", 0.001), ("second", 0.0003)):
        (runs / name).mkdir()
        (runs / name / "config.json").write_text(json.dumps({"train": {"lr": rate, "steps": 60}}))
        rows = [json.dumps({"step": k, "loss": 1 / (1 + 100 * rate * k)}) for k in range(60)]
        (runs / name / "metrics.jsonl").write_text("\n".join(rows))
    write_report(runs / "first" / "report.html", ReportData(title="A run", figures=[Figure("success", "97 %")]))
    state, frames = START, []
    for k in range(25):
        if k == 12:
            state = {**state, "position": torch.tensor([[50.0, 50.0]])}
        frames.append(WORLD.observe(state)["pixels"])
        state = WORLD.step(state, torch.tensor([[0.6, 0.6]]))
    episodes = EpisodeList()
    actions = torch.tensor([[0.6, 0.6]]).expand(24, 2).numpy()
    episodes.append(Episode({"pixels": torch.cat(frames).numpy()}, actions, WORLD.streams, WORLD.action))
    return Shelf({"walks": episodes}, run_folders((runs,)))


@pytest.fixture(scope="module")
def address(shelf):
    with serving(quick_model(), studio=shelf) as where:
        yield where


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@contextmanager
def visit(browser, address: str, *, size=DESK, scheme="light", known: bool = True, view: str = ""):
    """A page that fetches from nowhere else and makes no error."""
    context = browser.new_context(viewport=size, color_scheme=scheme)
    page = context.new_page()
    page.set_default_timeout(30_000)
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if "Content Security" in said.text else None)
    page.on("request", lambda asked: wrong.append(asked.url) if address not in asked.url[:60] else None)
    page.goto(f"http://{address}/{view}")
    if known:
        expect(page.get_by_text("read off the nearest four").first).to_be_visible(timeout=30_000)
    yield page
    assert not [each for each in wrong if not each.startswith("data:")], wrong
    context.close()


def point(page, x: float, y: float, frame: int = 0):
    """Where a place of the picture is on the page."""
    box = page.locator(".frame").nth(frame).bounding_box()
    return box["x"] + x * box["width"], box["y"] + y * box["height"]


PIXELS = """(canvas) => Array.from(canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data)
    .filter((_, k) => k % 4 < 3)"""


def shown(page, frame: int = 0) -> list[int]:
    """The pixels that a person sees, as the frame has them."""
    return page.locator(".frame canvas").nth(frame).evaluate(PIXELS)


def test_the_first_picture_is_the_worlds_own_frame(browser, address):
    with visit(browser, address, known=False) as page:
        expect(page.locator(".frame canvas.shown")).to_be_visible()
        print(f"first picture after {page.evaluate('performance.now()'):.0f} ms")
        assert shown(page) == WORLD.observe(START)["pixels"].flatten().tolist()


def test_a_goal_is_set_by_clicking_thought_about_and_reached(browser, address):
    with visit(browser, address) as page:
        page.mouse.click(*point(page, 0.8, 0.75))
        expect(page.locator(".ring").last).to_have_attribute("cx", re.compile(r"^0\.(8|79|80)"))
        page.get_by_label("Pace").select_option("fast")
        page.keyboard.press("Space")
        expect(page.locator(".candidate").nth(20)).to_be_attached()
        expect(page.locator(".plan")).to_be_attached()
        expect(page.locator(".status")).to_have_text(re.compile("the goal is reached"), timeout=60_000)
        place = [float(page.locator(".agent").get_attribute(name)) for name in ("cx", "cy")]
        assert (place[0] - 0.8) ** 2 + (place[1] - 0.75) ** 2 < (4.5 / 64) ** 2
        red = torch.tensor(shown(page)).view(64, 64, 3)[..., 0]
        row, column = divmod(int(red.argmax()), 64)
        assert abs(column / 64 - place[0]) + abs(row / 64 - place[1]) < 0.06  # the picture shows it there
        assert float(page.locator(".rate").inner_text().split()[0]) > 0
        moments = int(page.get_by_role("slider", name="Moment").get_attribute("aria-valuemax"))
        assert moments > 4


def test_the_keyboard_alone_sets_a_goal(browser, address):
    with visit(browser, address) as page:
        page.locator(".frame").focus()
        for _ in range(3):
            page.keyboard.press("Shift+ArrowDown")
        page.keyboard.press("Shift+ArrowLeft")
        page.keyboard.press("Enter")
        expect(page.locator(".ring").last).to_have_attribute("cx", "0.4")
        expect(page.locator(".ring").last).to_have_attribute("cy", "0.8")


def test_a_dragged_action_shows_its_consequence(browser, address):
    with visit(browser, address, view="#whatif") as page:
        future = page.locator(".future").first
        expect(future).to_be_attached()
        before, energy = future.get_attribute("d"), page.locator(".panel", has_text="Future A").first.inner_text()
        handle = page.locator(".tip circle").first
        start = [float(handle.get_attribute(name)) for name in ("cx", "cy")]
        page.mouse.move(*point(page, *start))
        page.mouse.down()
        page.mouse.move(*point(page, 0.19, 0.8), steps=4)
        page.mouse.up()
        expect(future).not_to_have_attribute("d", before)
        for _ in range(100):  # the last position of the hand is asked for last
            end = [float(each) for each in re.split("[ML]", future.get_attribute("d"))[-1].split()]
            if abs(end[0] - 0.19) < 0.06:
                break
            page.wait_for_timeout(50)
        expect(page.locator(".tip circle").first).to_have_attribute("cy", re.compile(r"^0\.(8|79|80)"))
        assert abs(end[0] - 0.19) < 0.06
        assert abs(end[1] - 0.8) < 0.08
        assert page.locator(".panel", has_text="Future A").first.inner_text() != energy
        assert page.locator(".truly").count() == 2
        page.get_by_label("Future B, action 1").press("End")
        # The end of the slider is 1.8; with the other number it would be longer than the action's norm allows.
        expect(page.get_by_text("action 1: 1.47 px/step")).to_be_visible()


def test_arrow_keys_drive_the_dream_and_not_the_world(browser, address):
    with visit(browser, address) as page:
        real = shown(page)
        page.keyboard.press("3")
        for _ in range(4):
            page.keyboard.press("ArrowDown")
            page.wait_for_timeout(120)
        expect(page.get_by_text(re.compile("Dreamt: the model alone, [1-9]"))).to_be_visible()
        expect(page.get_by_text("between dream and simulator")).to_be_visible()
        dreamt = torch.tensor(shown(page)).view(64, 64, 3)[..., 0]
        assert shown(page) != real
        assert int(dreamt.argmax()) // 64 > int(torch.tensor(real).view(64, 64, 3)[..., 0].argmax()) // 64 + 6
        page.keyboard.press("1")
        assert shown(page) == real
        assert page.get_by_role("slider", name="Moment").count() == 0  # nothing has happened in the world


def test_a_peak_of_surprise_leads_to_its_cause(browser, address):
    with visit(browser, address) as page:
        page.get_by_role("button", name="Move by hand").click()
        page.mouse.click(*point(page, 0.8, 0.8))
        expect(page.get_by_text("moved by hand")).to_be_attached()
        page.get_by_role("button", name="Look back").click()
        cause = page.locator(".panel", has_text="What caused the surprise")
        expect(cause).to_contain_text("moved by hand")
        expect(cause.locator("rect").first).to_be_attached()
        slider = page.get_by_role("slider", name="Moment")
        slider.press("ArrowLeft")
        expect(slider).to_have_attribute("aria-valuenow", "0")
        page.get_by_role("button", name="peak ›").click()
        expect(slider).to_have_attribute("aria-valuenow", "1")
        assert shown(page, 0) != shown(page, 1)  # came, and imagined


def test_a_recording_is_scrubbed_and_planned_from(browser, address):
    with visit(browser, address) as page:
        page.get_by_label("What is open").select_option("walks")
        expect(page.get_by_text("two leading principal components").first).to_be_visible()
        page.keyboard.press("4")
        slider = page.get_by_role("slider", name="Moment")
        slider.focus()
        page.keyboard.press("End")
        expect(page.get_by_text("moment 6, as it came")).to_be_visible()
        page.get_by_role("button", name="‹ peak").click()
        expect(slider).to_have_attribute("aria-valuenow", "3")
        expect(page.get_by_text("What came, and what was imagined")).to_be_visible()
        there = shown(page)
        slider.press("End")
        page.get_by_role("button", name="Make this moment the goal").click()
        page.get_by_role("button", name="‹ peak").click()
        page.get_by_role("button", name="Think from here").click()
        for _ in range(100):
            if shown(page) == there:  # what is thought from is what is shown
                break
            page.wait_for_timeout(50)
        assert shown(page) == there
        page.get_by_role("button", name="Think", exact=True).last.click()
        expect(page.locator(".status")).to_have_text("has a plan")


def test_a_report_is_read_and_runs_are_compared(browser, address):
    with visit(browser, address, known=False, view="#runs") as page:
        page.get_by_role("button", name="Read report").click()
        expect(page.frame_locator("iframe").get_by_text("97 %")).to_be_visible()
        expect(page.get_by_role("row", name="train.lr 0.001 0.0003")).to_be_visible()
        expect(page.get_by_text("1 of 2 settings")).to_be_visible()
        assert page.get_by_role("img", name="loss over training steps of 2 runs").locator("path").count() == 3
        page.get_by_label("second").uncheck()
        expect(page.get_by_role("table")).to_have_count(0)


def test_what_cannot_be_done_is_said(browser, address):
    with visit(browser, address) as page:
        page.mouse.click(*point(page, 0.508, 0.8))
        expect(page.get_by_role("alert")).to_contain_text("in a wall")
        page.get_by_label("Goal picture").set_input_files(
            {"name": "no.png", "mimeType": "image/png", "buffer": b"no picture"}
        )
        expect(page.get_by_role("alert")).to_contain_text("no picture")
        page.keyboard.press("Escape")
        expect(page.get_by_role("alert")).to_have_count(0)


def test_a_server_that_goes_away_is_said_and_a_token_is_asked_for(browser):
    door, token = Door.opened("127.0.0.1", "a-token-of-some-length")
    with serving(quick_model(), studio=Shelf(), door=door) as address, visit(browser, address, known=False) as page:
        page.get_by_label("Token").fill("wrong")
        page.get_by_role("button", name="Enter").click()
        expect(page.get_by_role("alert")).to_contain_text("missing or wrong")
        page.get_by_label("Token").fill("a-token-of-some-length")
        page.get_by_role("button", name="Enter").click()
        expect(page.locator(".frame canvas.shown")).to_be_visible()
    assert token is None
    with serving(quick_model(), studio=Shelf()) as address:
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"http://{address}/")
        expect(page.locator(".frame canvas.shown")).to_be_visible()
    expect(page.get_by_role("alert")).to_contain_text("does not answer")
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_every_view_without_scrolling_sideways(browser, address, scheme):
    with visit(browser, address, size=PHONE, scheme=scheme) as page:
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        lightness = sum(map(int, re.findall(r"\d+", ground)[:3]))
        assert (lightness > 600) == (scheme == "light")
        for name in ("Think", "What if", "Dream", "Look back", "Runs"):
            page.get_by_role("navigation").get_by_role("button", name=name).click()
            page.wait_for_timeout(80)
            assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], name
            unnamed = page.locator("button, input, select").evaluate_all(
                "(all) => all.filter((one) => !(one.innerText || one.ariaLabel || one.labels?.length)).length"
            )
            assert unnamed == 0, name
        other = "dark" if scheme == "light" else "light"
        for _ in range(2):
            if page.evaluate("document.documentElement.dataset.theme") != other:
                page.get_by_role("button", name="Theme").click()
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") != ground
