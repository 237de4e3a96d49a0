"""Each part of the report: data in, markup out, nothing where there is no data."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from gedanken.evaluation.report import pictures
from gedanken.evaluation.report.data import Chart, EpisodePicture, Figure, Filmstrip, ReportData, SuccessRow, Table
from gedanken.evaluation.report.markup import Markup, joined, tag
from gedanken.evaluation.report.numerals import duration, interval, number, percent
from gedanken.evaluation.report.recordings import recording
from gedanken.evaluation.report.svg import colours, heat_map, line_chart, scatter
from gedanken.evaluation.report.training import collapse_meter, training_curves

_NOTHING = Markup()


def headline(data: ReportData) -> Markup:
    """What was trained, and how well it did."""
    children = [tag("p", "gedanken", class_="brand"), tag("h1", data.title)]
    if data.subtitle:
        children.append(tag("p", data.subtitle, class_="lead"))
    figures = [*_success_figures(data), *[_figure(figure) for figure in data.figures]]
    if figures:
        children.append(tag("div", *figures, class_="figures headline"))
    return tag("header", *children)


def success_table(data: ReportData) -> Markup:
    """Every row on the same tasks: a bar for its success, a stroke for its interval."""
    if not data.success:
        return _NOTHING
    names = ("", f"goal reached at step {data.steps}", "", "95 % interval", "any time", "n", "core-s")
    head = tag("tr", *[tag("th", name, scope="col") for name in names])
    rows = [_success_row(row, index == 0) for index, row in enumerate(data.success)]
    table = tag("table", tag("thead", head), tag("tbody", *rows), class_="success")
    return _section(
        "Goals reached",
        table,
        note="All rows on the same pairs of start and goal. Core-s: seconds of one core for planning, an episode.",
    )


def misses(data: ReportData) -> Markup:
    """What failed episodes were filed under, and what would have saved them."""
    missed = data.misses
    if missed is None or not missed.failed:
        return _NOTHING
    filed = sum(count for _, _, count in missed.causes)
    rows = [_cause_row(*cause, filed) for cause in missed.causes if cause[2]]
    cures = [Figure(name, f"{done} of {of}") for name, done, of in missed.cures if of]
    some = "" if filed == missed.failed else f", {filed} of them driven again"
    return _section(
        "Why goals were missed",
        tag("table", tag("tbody", *rows), class_="success"),
        tag("p", "Reached when driven again with", class_="label"),
        tag("div", *map(_figure, cures), class_="figures"),
        note=f"{missed.failed} of {missed.episodes} episodes failed{some}. {missed.note}",
    )


def recordings(data: ReportData) -> Markup:
    """Episodes as they were recorded."""
    return _section("Recorded", *map(recording, data.recordings)) if data.recordings else _NOTHING


def episodes(data: ReportData) -> Markup:
    """Moving pictures of what happened beside what was imagined."""
    return (
        _section("Episodes", tag("div", *[_episode(each) for each in data.episodes], class_="cards wide"))
        if data.episodes
        else _NOTHING
    )


def filmstrips(data: ReportData) -> Markup:
    """Frames side by side."""
    return _section("In pictures", *[_filmstrip(each) for each in data.filmstrips]) if data.filmstrips else _NOTHING


def charts(data: ReportData) -> Markup:
    """Anything drawn as lines."""
    return (
        _section("Measured", tag("div", *[chart_card(each) for each in data.charts], class_="cards"))
        if data.charts
        else _NOTHING
    )


def tables(data: ReportData) -> Markup:
    """Anything else in rows and columns."""
    return joined([_table(each) for each in data.tables])


def imagination(data: ReportData) -> Markup:
    """Is what the planner sees true? End states, and the energy over first actions."""
    cards: list[Markup] = []
    if data.end_states is not None:
        cards.append(_end_states(data))
    for title, landscape in data.landscapes.items():
        words = [tag("span", "○ least energy ", _pair(landscape.minimum))]
        if landscape.true is not None:
            words.append(tag("span", "× true action ", _pair(landscape.true)))
        cards.append(_card(title, heat_map(landscape, title), legend=tag("p", *words, class_="legend")))
    return _section("What the planner sees", tag("div", *cards, class_="cards")) if cards else _NOTHING


def planning(data: ReportData) -> Markup:
    """What a decision costs."""
    cost = data.planning
    if cost is None:
        return _NOTHING
    figures = [
        Figure("a decision, median", duration(cost.p50)),
        Figure("a decision, 95th percentile", duration(cost.p95)),
    ]
    if cost.core_seconds is not None:
        figures.append(Figure("an episode, of one core", duration(cost.core_seconds)))
    return _section("Cost of planning", tag("div", *map(_figure, figures), class_="figures"), note=cost.note)


def limits(data: ReportData) -> Markup:
    """What the numbers above do not say."""
    return (
        _section("Limits", tag("ul", *[tag("li", limit) for limit in data.limits], class_="limits"))
        if data.limits
        else _NOTHING
    )


def provenance(data: ReportData) -> Markup:
    """How to make it again."""
    if not data.facts:
        return _NOTHING
    pairs = [tag("div", tag("dt", name), tag("dd", value)) for name, value in data.facts.items()]
    return tag("footer", tag("h2", "Provenance"), tag("dl", *pairs))


def training(data: ReportData) -> Markup:
    """The loss and its terms."""
    drawn = training_curves(data.metrics)
    if not drawn:
        return _NOTHING
    grid = tag("div", *map(chart_card, drawn), class_="cards")
    return _section("Training", grid, note="The loss and its weighted terms; thin as logged, thick smoothed.")


def collapse(data: ReportData) -> Markup:
    """Whether the latent stayed alive."""
    reading = collapse_meter(data.metrics)
    if reading is None:
        return _NOTHING
    said = [tag("p", warning, class_="warning") for warning in reading.now]
    said += [tag("p", when, tag("br"), warning, class_="warning past") for when, warning in reading.before]
    if not reading.now:
        said.insert(0, tag("p", "No warning at the end of the run.", class_="fine"))
    return _section(
        "Collapse meter",
        tag("div", *said),
        tag("div", *[_figure(each) for each in reading.figures], class_="figures"),
        tag("div", *map(chart_card, reading.charts), class_="cards"),
        note="Latents that say the same of every frame, or all through an episode, make the loss fall and planning fail.",
    )


SECTIONS: Sequence[Callable[[ReportData], Markup]] = (
    headline,
    success_table,
    misses,
    recordings,
    episodes,
    filmstrips,
    charts,
    tables,
    imagination,
    planning,
    training,
    collapse,
    limits,
    provenance,
)
"""In the order of the page."""


def chart_card(chart: Chart) -> Markup:
    """A chart with its title, its legend where there are several lines, and its note."""
    pairs = zip(colours(chart.series), chart.series, strict=True)
    keys = [tag("span", tag("i", class_=f"key {colour}"), line.name) for colour, line in pairs if not line.faint]
    legend = tag("p", *keys, class_="legend") if len(keys) > 1 else _NOTHING
    return _card(chart.title, line_chart(chart), legend=legend, note=chart.note)


def _section(title: str, *children: str, note: str = "") -> Markup:
    words = [tag("p", note, class_="note")] if note else []
    return tag("section", tag("h2", title), *words, *children)


def _card(title: str, *children: str, legend: Markup = _NOTHING, note: str = "") -> Markup:
    words = tag("p", note, class_="note") if note else _NOTHING
    return tag("figure", tag("figcaption", title), legend, *children, words)


def _figure(figure: Figure) -> Markup:
    parts = [tag("span", figure.label, class_="label"), tag("span", figure.value, class_="value")]
    return tag("div", *parts, tag("span", figure.note, class_="note") if figure.note else _NOTHING, class_="figure")


def _success_figures(data: ReportData) -> list[Markup]:
    if not data.success:
        return []
    row = data.success[0]
    told = [f"95 % interval {interval(row.low, row.high)}"] if row.low is not None and row.high is not None else []
    told += [f"n = {number(row.n)}"] if row.n else []
    figures = [_figure(Figure(f"goal reached at step {data.steps}", percent(row.at_end), ", ".join(told)))]
    if row.any_time is not None:
        figures.append(_figure(Figure("at any time", percent(row.any_time), "passing through counts")))
    return figures


def _success_row(row: SuccessRow, main: bool) -> Markup:
    name = [row.name, tag("span", row.note, class_="note")] if row.note else [row.name]
    spread = "" if row.low is None or row.high is None else interval(row.low, row.high)
    cells = (
        ("95 % interval", spread),
        ("any time", "" if row.any_time is None else percent(row.any_time)),
        ("n", number(row.n) if row.n else ""),
        ("core-s", "" if row.core_seconds is None else f"{row.core_seconds:.2f}"),
    )
    return tag(
        "tr",
        tag("th", *name, scope="row"),
        tag("td", _bar(row), class_="bar"),
        tag("td", percent(row.at_end), class_="share"),
        *[tag("td", text, class_="number" if text else "number empty", data_label=label) for label, text in cells],
        class_="main" if main else None,
    )


def _bar(row: SuccessRow) -> Markup:
    parts = [tag("span", class_="fill", style=f"width:{100 * row.at_end:.1f}%")]
    if row.low is not None and row.high is not None:
        parts.append(
            tag("span", class_="spread", style=f"left:{100 * row.low:.1f}%;width:{100 * (row.high - row.low):.1f}%")
        )
    return tag("div", *parts, class_="track")


def _cause_row(cause: str, meaning: str, count: int, filed: int) -> Markup:
    share = count / filed
    fill = tag("span", class_="fill", style=f"width:{100 * share:.1f}%")
    return tag(
        "tr",
        tag("th", cause, tag("span", meaning, class_="note"), scope="row"),
        tag("td", tag("div", fill, class_="track"), class_="bar"),
        tag("td", percent(share), class_="share"),
        tag("td", f"{count} of {filed}", class_="number", data_label=""),
    )


def _episode(each: EpisodePicture) -> Markup:
    tracks = {
        "goal": None if each.goal is None else each.goal[None],
        "real": each.real,
        "imagined": each.imagined,
        "nearest real": each.nearest,
    }
    shown = {name: track for name, track in tracks.items() if track is not None}
    alternative = f"{each.title}: {', '.join(shown)}"
    still = pictures.last_moment(list(shown.values()))
    picture = tag(
        "picture",
        tag("source", media="(prefers-reduced-motion: reduce)", srcset=still),
        tag("img", src=pictures.moving(list(shown.values())), alt=alternative, class_="frames"),
    )
    labels = tag("div", *[tag("span", name) for name in shown], class_="tracks")
    title = tag("figcaption", each.title, _verdict(each.success))
    return tag("figure", title, picture, labels, tag("p", each.note, class_="note") if each.note else _NOTHING)


def _verdict(success: bool | None) -> Markup:
    if success is None:
        return _NOTHING
    return tag("span", "reached" if success else "not reached", class_="verdict hit" if success else "verdict miss")


def _filmstrip(film: Filmstrip) -> Markup:
    most = max(len(frames) for _, frames in film.rows)
    width = f"min-width:{most * 72}px"
    lines: list[Markup] = []
    if film.columns:
        lines.append(tag("div", *[tag("span", name) for name in film.columns], class_="tracks"))
    for label, frames in film.rows:
        share = f"width:{100 * len(frames) / most:.2f}%"
        lines.append(tag("p", label, class_="label"))
        lines.append(tag("img", src=pictures.strip(frames), alt=f"{film.title}: {label}", class_="frames", style=share))
    strip = tag("div", tag("div", *lines, style=width), class_="scroll")
    return _card(film.title, strip, note=film.note)


def _table(table: Table) -> Markup:
    numeric = [all(_is_numeric(row[column]) for row in table.rows) for column in range(len(table.columns))]
    kinds = ["number" if each else None for each in numeric]
    head = tag(
        "tr", *[tag("th", name, scope="col", class_=kind) for name, kind in zip(table.columns, kinds, strict=True)]
    )
    rows = [
        tag("tr", *[tag("td", cell, class_=kind) for cell, kind in zip(row, kinds, strict=True)]) for row in table.rows
    ]
    body = tag("div", tag("table", tag("thead", head), tag("tbody", *rows), class_="plain"), class_="scroll")
    return _section(table.title, body, note=table.note)


def _end_states(data: ReportData) -> Markup:
    states = data.end_states
    assert states is not None
    legend = _NOTHING
    if states.success is not None:
        reached = int(np.sum(states.success))
        keys = (("hit", f"reached ({reached})"), ("miss", f"not reached ({len(states.success) - reached})"))
        legend = tag("p", *[tag("span", tag("i", class_=f"point {key}"), name) for key, name in keys], class_="legend")
    return _card("Distance to the goal at the end", scatter(states), legend=legend, note=states.note)


def _pair(action: tuple[float, float]) -> str:
    return f"({action[0]:.2f}, {action[1]:.2f})".replace("-", "−")


def _is_numeric(cell: str) -> bool:
    return not cell or cell[0].isdigit() or cell[0] in "+-−–."
