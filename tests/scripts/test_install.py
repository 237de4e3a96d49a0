import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "install.py"


@pytest.fixture
def install(tmp_path, monkeypatch):
    """The script as a module, pointed at an empty folder; what it would run is noted and succeeds."""
    spec = importlib.util.spec_from_file_location("install", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "pyproject.toml").write_bytes((SCRIPT.parents[1] / "pyproject.toml").read_bytes())
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(module, "PYTHON", tmp_path / ".venv" / "bin" / "python")
    monkeypatch.setattr(module, "brings_cuda", lambda: False)
    module.ran = []
    module.fails = lambda command: False

    def run(*command: str) -> int:
        module.ran.append(" ".join(command))
        return int(module.fails(" ".join(command)))

    monkeypatch.setattr(module, "run", run)
    return module


def run_main(install, monkeypatch, *arguments: str) -> list[str]:
    monkeypatch.setattr(sys, "argv", ["install.py", *arguments])
    install.main()
    return [line.split("install --disable-pip-version-check ")[-1] for line in install.ran]


def test_torch_comes_first_and_alone_and_within_the_pins(install, monkeypatch):
    _, torch, package = run_main(install, monkeypatch, "--dev")
    assert torch == "--constraint constraints.txt torch"
    assert package == "--constraint constraints.txt --editable .[dev]"


def test_torch_comes_from_the_index_that_was_asked_for(install, monkeypatch):
    _, torch, package = run_main(install, monkeypatch, "--torch-index", "http://localhost/cpu")
    assert torch.startswith("--index-url http://localhost/cpu ")
    assert "--index-url" not in package


def test_pins_that_do_not_fit_are_left_with_a_sentence(install, monkeypatch, capsys):
    install.fails = lambda command: "--constraint" in command and "torch" in command.split()
    commands = run_main(install, monkeypatch)
    assert commands[2].startswith("torch>=")
    assert commands[3:] == ["--editable ."]  # pins made for another torch are not tried
    assert "pip could not take the pinned torch" in capsys.readouterr().err


def test_a_pin_that_only_the_rest_breaks_keeps_torch(install, monkeypatch, capsys):
    install.fails = lambda command: "--constraint" in command and "--editable" in command
    assert run_main(install, monkeypatch)[3:] == ["--editable ."]
    assert "could not keep every pin" in capsys.readouterr().err


def test_a_failed_install_stops(install, monkeypatch, capsys):
    install.fails = lambda command: "--editable" in command
    with pytest.raises(SystemExit):
        run_main(install, monkeypatch)
    assert "gedanken could not be installed" in capsys.readouterr().err


def test_a_full_disk_stops_before_anything_is_made(install, monkeypatch, capsys):
    monkeypatch.setattr(install.shutil, "disk_usage", lambda path: SimpleNamespace(free=1.5e9))
    with pytest.raises(SystemExit):
        run_main(install, monkeypatch)
    assert "only 1.5 GB are free" in capsys.readouterr().err
    assert install.ran == []


def test_a_missing_venv_module_names_the_package_to_install(install, monkeypatch, capsys):
    there = importlib.util.find_spec
    monkeypatch.setattr(install.importlib.util, "find_spec", lambda name: None if name == "ensurepip" else there(name))
    with pytest.raises(SystemExit):
        run_main(install, monkeypatch)
    assert "apt-get install python3-venv" in capsys.readouterr().err


def test_a_broken_environment_is_named_and_left_alone(install, monkeypatch, capsys):
    install.PYTHON.parent.mkdir(parents=True)
    install.PYTHON.write_text("not a program")
    install.PYTHON.chmod(0o755)
    monkeypatch.setattr(install, "works", lambda *arguments: False)
    with pytest.raises(SystemExit):
        run_main(install, monkeypatch)
    assert "remove that folder" in capsys.readouterr().err
    assert install.PYTHON.exists()


@pytest.mark.parametrize(("names", "expected"), [(["torch", "nvidia-cublas"], True), (["torch", "sympy"], False)])
def test_a_torch_with_cuda_is_recognised(names, expected, monkeypatch):
    spec = importlib.util.spec_from_file_location("install", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    report = json.dumps({"install": [{"metadata": {"name": name}} for name in names]})
    done = subprocess.CompletedProcess([], 0, stdout=report, stderr="")
    monkeypatch.setattr(module.subprocess, "run", lambda *command, **options: done)
    assert module.brings_cuda() is expected


def test_a_torch_with_cuda_is_told_of_before_it_is_fetched(install, monkeypatch, capsys):
    monkeypatch.setattr(install, "brings_cuda", lambda: True)
    monkeypatch.setattr(install.sys, "platform", "linux")
    run_main(install, monkeypatch)
    assert capsys.readouterr().err.count("TORCH_INDEX=") == 1
    run_main(install, monkeypatch, "--torch-index", "http://localhost/cpu")
    assert capsys.readouterr().err == ""
