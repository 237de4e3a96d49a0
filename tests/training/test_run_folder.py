import json
import os

import pytest

from gedanken.errors import BadRunFolder, StorageError
from gedanken.training import RunFolder


def test_metrics_are_read_back_as_they_were_written(tmp_path):
    run = RunFolder(tmp_path / "deep" / "run")
    rows = [{"step": step, "loss": 1 / (step + 1), "warnings": ["a\nb"]} for step in range(3)]
    for row in rows:
        run.append_metrics(row)
    assert run.read_metrics() == rows


def test_a_torn_last_line_is_ignored_and_gone_after_a_resume(tmp_path):
    run = RunFolder(tmp_path)
    for step in range(4):
        run.append_metrics({"step": step, "loss": float(step)})
    file = tmp_path / "metrics.jsonl"
    whole = file.read_text()
    for torn in range(1, len(whole.splitlines()[-1]) - 1):
        file.write_text(whole[: -1 - torn])
        assert [row["step"] for row in run.read_metrics()] == [0, 1, 2]
    run.forget_metrics_after(2)
    run.append_metrics({"step": 2, "loss": 9.0})
    assert [json.loads(line)["step"] for line in file.read_text().splitlines()] == [0, 1, 2]


def test_a_folder_without_metrics_has_none(tmp_path):
    run = RunFolder(tmp_path)
    assert run.read_metrics() == []
    assert run.decided_dtype() is None


def test_a_config_is_read_back_and_a_missing_or_torn_one_is_refused(tmp_path):
    run = RunFolder(tmp_path)
    with pytest.raises(BadRunFolder, match="is it a run folder"):
        run.read_config()
    run.write_config({"name": "dot", "steps": 5})
    assert run.read_config() == {"name": "dot", "steps": 5}
    (tmp_path / "config.json").write_text('{"name": "do')
    with pytest.raises(BadRunFolder, match=r"config\.json"):
        run.read_config()


def test_a_file_is_whole_or_as_it_was(tmp_path, monkeypatch):
    run = RunFolder(tmp_path)
    run.write_text("dtype", "float32\n")

    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(StorageError, match="free some space"):
        run.write_text("dtype", "bfloat16\n")
    assert run.decided_dtype() == "float32"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dtype"]


def test_a_file_in_the_way_of_the_folder_is_told(tmp_path):
    (tmp_path / "run").write_text("I am a file")
    with pytest.raises(StorageError, match="choose another"):
        RunFolder(tmp_path / "run")


def test_a_dtype_nobody_knows_is_as_good_as_none(tmp_path):
    run = RunFolder(tmp_path)
    run.write_text("dtype", "float8\n")
    assert run.decided_dtype() is None
