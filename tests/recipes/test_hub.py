"""Models by name: what is pushed comes back, cards say what was measured, and nothing else than numbers and words is fetched."""

import os
from pathlib import Path

import huggingface_hub
import pytest

from gedanken.cli.main import main
from gedanken.errors import BadFile, BadInput, BadModelFile, MissingExtra, StorageError
from gedanken.modelfile import read_header
from gedanken.recipes import bundled_model, hub, load
from gedanken.recipes.model_card import LIMITS, card
from gedanken.training import RunFolder

ENTRY = {
    "claim": "two-rooms-demo",
    "what": "goal pictures held",
    "value": 0.984,
    "interval": (0.975, 0.992),
    "n": 500,
    "beside": [{"name": "no-op", "value": 0.0}],
    "holds": False,
    "command": "gedanken reproduce two-rooms-demo",
    "git": ["abc"],
    "note": "as it was",
}


@pytest.fixture
def cached(tmp_path, monkeypatch) -> Path:
    """A repository as the hub's own client keeps it on the disk; there is no network."""
    download = huggingface_hub.snapshot_download

    def from_cache(*given, **named):
        return download(*given, cache_dir=tmp_path / "cache", local_files_only=True, **named)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", from_cache)
    repository = tmp_path / "cache" / "models--me--rooms"
    commit = "0" * 39 + "1"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(commit)
    folder = repository / "snapshots" / commit
    folder.mkdir(parents=True)
    return folder


def test_a_name_is_loaded_from_what_the_hubs_client_has(cached, capsys):
    hub.push(bundled_model().parent, str(cached.parent / "other"))
    (cached / "model.safetensors").write_bytes(bundled_model().read_bytes())
    expected = read_header(bundled_model()).content_hash
    assert read_header(hub.located("hf:me/rooms")).content_hash == expected
    assert load("hf:me/rooms").recipe == load(bundled_model()).recipe
    main(["info", "hf:me/rooms"])
    assert expected[:20] in capsys.readouterr().out


def test_what_is_no_model_is_refused_by_name(cached):
    with pytest.raises(BadFile, match=r"holds no model\.safetensors"):
        load("hf:me/rooms")
    (cached / "model.safetensors").write_bytes(b"text")
    with pytest.raises(BadModelFile):
        load("hf:me/rooms")
    with pytest.raises(BadFile, match="hf:me/nowhere cannot be fetched"):
        load("hf:me/nowhere")


def test_only_numbers_and_words_are_asked_for_and_sent(monkeypatch, tmp_path):
    asked, sent = [], []
    monkeypatch.setattr(
        huggingface_hub, "snapshot_download", lambda *given, **named: asked.append((given, named)) or tmp_path
    )
    monkeypatch.setattr(huggingface_hub, "create_repo", lambda *given, **named: sent.append((given, named)))
    monkeypatch.setattr(huggingface_hub, "upload_folder", lambda **named: sent.append(named))
    with pytest.raises(BadFile):
        hub.located("hf:me/rooms@v1")
    assert asked == [(("me/rooms",), {"revision": "v1", "allow_patterns": ["*.safetensors", "*.json", "*.md"]})]
    assert hub.push(tmp_path, "hf:me/rooms") == "hf:me/rooms"
    assert sent[1]["allow_patterns"] == ["*.safetensors", "*.json", "*.md"]
    assert os.environ["HF_HUB_DISABLE_TELEMETRY"] == "1"


@pytest.mark.parametrize(
    "name", ["hf:", "hf:rooms", "hf:me/../you", "hf:me/rooms/more", "hf:me/rooms@", "hf:me/ro oms"]
)
def test_names_that_are_none_are_refused(name):
    with pytest.raises(BadInput, match="is no name of a model"):
        hub.located(name)


def test_without_the_extra_it_is_named(monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(hub, "import_module", missing)
    with pytest.raises(MissingExtra, match=r"gedanken\[hf\]"):
        load("hf:me/rooms")


def test_a_refused_push_is_one_sentence(monkeypatch, tmp_path):
    def refused(*given, **named):
        raise OSError("no way there\nand more")

    monkeypatch.setattr(huggingface_hub, "create_repo", refused)
    with pytest.raises(StorageError, match="could not be pushed: no way there;"):
        hub.push(tmp_path, "hf:me/rooms")
    with pytest.raises(BadInput, match="names a revision"):
        hub.push(tmp_path, "hf:me/rooms@v1")


def test_a_run_is_pushed_into_a_folder_and_loaded_from_there(tmp_path, capsys):
    run = tmp_path / "run"
    run.mkdir()
    (run / "model.safetensors").write_bytes(bundled_model().read_bytes())
    (run / "evil.pkl").write_bytes(b"code")
    RunFolder(run).append_metrics(
        {"step": 9, "loss": 1.5, "health": {"std_time": 0.25}, "warnings": ["Slow <b>features"]}
    )
    main(["push", str(run), str(tmp_path / "shared"), "--claim", "two-rooms-demo"])
    assert "gedanken info" in capsys.readouterr().out
    shared = tmp_path / "shared"
    assert sorted(each.name for each in shared.iterdir()) == ["README.md", "config.json", "model.safetensors"]
    assert load(shared).recipe == load(bundled_model()).recipe
    page = (shared / "README.md").read_text()
    for words in (
        "steps: 10",
        "loss at the end: 1.5",
        "std time (training windows): 0.25",
        "Slow &lt;b>features",
        *LIMITS,
    ):
        assert words in page
    assert "behaviour cloning" in page


def test_a_card_says_what_was_missed_and_what_is_not_known():
    header = read_header(bundled_model())
    page = card("hf:me/rooms", header, None, [ENTRY])
    assert "0.984 (0.975 to 0.992, 95 %, n = 500). The bar was missed." in page
    assert "| no-op | 0 |" in page
    assert "how training ended is not known" in page
    assert header.content_hash in page
    assert "its plans were not measured" in card("hf:me/rooms", header, None)
    with pytest.raises(BadInput, match="says nothing of a model"):
        card("hf:me/rooms", header, None, [{**ENTRY, "claim": "donkey-drive"}])
