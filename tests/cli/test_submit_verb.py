"""`gedanken submit`: a job of two processes on this machine, and what is refused before anything is submitted."""

import shutil
from pathlib import Path

import pytest

from gedanken.cli import submit as submitting
from gedanken.cli.main import main
from gedanken.data import EpisodeFolder
from gedanken.recipes import load
from moving_dot import dot_episodes


def refusal(capsys, *arguments: str) -> str:
    with pytest.raises(SystemExit) as stopped:
        main(["submit", *arguments])
    assert stopped.value.code == 2
    return " ".join(capsys.readouterr().err.split())


@pytest.mark.slow
def test_two_processes_train_as_a_job(tmp_path, capsys):
    pytest.importorskip("submitit")
    episodes = dot_episodes(6, steps=40)
    data, run, jobs = tmp_path / "dots", tmp_path / "run", tmp_path / "jobs"
    EpisodeFolder.create(data, episodes[0].specs, episodes[0].action).extend(episodes)
    how = ["--cluster", "local", "--processes", "2", "--jobs", str(jobs), "--wait"]
    small = ["--steps", "2", "--batch", "4", "--dtype", "float32", "--device", "cpu"]
    with pytest.raises(SystemExit) as ended:
        main(["submit", *how, "--", "train", str(data), "--run", str(run), *small])
    assert ended.value.code == 0, [log.read_text()[-2000:] for log in jobs.glob("*log*")]
    assert load(run).recipe.train.steps == 2
    assert len(list(jobs.glob("*_log.out"))) == 2
    assert len((run / "metrics.jsonl").read_text().splitlines()) == 2


def test_without_slurm_it_is_said(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert "no `sbatch` here" in refusal(capsys, "--jobs", str(tmp_path / "jobs"), "--", "train", "x")
    assert not (tmp_path / "jobs").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "no command to submit"),
        (("--nodes", "0", "--", "train"), "nodes=0"),
        (("--hours", "nan", "--", "train"), "hours=nan"),
    ],
)
def test_mistakes_get_one_sentence(capsys, arguments, words):
    assert words in refusal(capsys, *arguments)


def test_a_job_is_asked_for_as_slurm_knows_it(monkeypatch, tmp_path, capsys):
    asked = []

    class Submitted:
        job_id = 5

    def noted(job, jobs, cluster, parameters):
        asked.append((job, cluster, parameters))
        return Submitted()

    monkeypatch.setattr(submitting, "_submitted", noted)
    how = [
        "--nodes",
        "2",
        "--processes",
        "8",
        "--gpus",
        "8",
        "--hours",
        "0.5",
        "--partition",
        "big",
        "--jobs",
        str(tmp_path),
    ]
    main(["submit", *how, "--", "train", "x", "--shard"])
    job, cluster, parameters = asked[0]
    assert (job.words, cluster) == (("train", "x", "--shard"), "slurm")
    assert parameters == {
        "nodes": 2,
        "tasks_per_node": 8,
        "gpus_per_node": 8,
        "cpus_per_task": 4,
        "timeout_min": 30,
        "name": "gedanken",
        "slurm_partition": "big",
    }
    assert f"{Path(tmp_path)}" in capsys.readouterr().out.replace("\n", "")


def test_time_that_is_up_puts_the_same_job_into_the_queue_again():
    pytest.importorskip("submitit")
    job = submitting.Job(("train", "x"))
    assert job.checkpoint().function == job
