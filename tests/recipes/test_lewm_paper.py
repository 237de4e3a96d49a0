"""LeWM at parity: a small one of stable-worldmodel's, its weights and its answers as `beside/lewm_peer.py` wrote them."""

import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from gedanken.errors import BadInput, BadModelFile
from gedanken.recipes import Recipe, build, lewm_paper, load, read_lewm, save
from gedanken.types import ActionSpec, Context, StreamSpec

FOLDER = Path(__file__).parent / "lewm"
WEIGHTS = FOLDER / "weights.safetensors"
ACTION = ActionSpec(2, (-1.0, -1.0), (1.0, 1.0))
BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def answers():
    return load_file(FOLDER / "answers.safetensors")


def difference(model, answers) -> float:
    """The largest, of latents and of rollouts from one, two and three frames."""
    with torch.no_grad():
        latents = model.encode({"pixels": answers["pixels"]})
        worst = [(latents[:, :, 0] - answers["latents"]).abs().max()]
        for frames in (1, 2, 3):
            actions = answers["actions"][:, :, 3 - frames :]
            context = Context(latents[:, 3 - frames :], actions[:, 0, : frames - 1])
            found = model.rollout(context, actions[:, :, frames - 1 :]).latents[:, :, :, 0]
            worst.append((found - answers[f"rollout from {frames}"]).abs().max())
    return float(torch.stack(worst).max())


def test_latents_and_rollouts_are_the_peers(answers):
    model, _ = read_lewm(WEIGHTS, ACTION, frame_skip=2)
    assert difference(model, answers) < 1e-5


@torch.no_grad()
def test_every_weight_has_its_place(answers):
    model, _ = read_lewm(WEIGHTS, ACTION, frame_skip=2)
    seen, actions = {"pixels": answers["pixels"]}, answers["actions"]
    context = Context(answers["latents"][:, :, None], actions[:, 0, :2])

    def answered(name: str) -> torch.Tensor:
        return model.encode(seen) if name.startswith("encoder") else model.rollout(context, actions[:, :, 2:]).latents

    for name, tensor in model.state_dict().items():
        if "tracked" not in name and name != "step_change":
            before, kept = answered(name), tensor.clone()
            tensor.add_(torch.randn_like(tensor) * (20 if name == "encoder.pixel_mean" else 1)).abs_()
            assert (answered(name) - before).abs().max() > 1e-4, name
            tensor.copy_(kept)


def test_gradients_and_the_plain_forward_agree_with_inference(answers):
    model, _ = read_lewm(WEIGHTS, ACTION, frame_skip=2)
    latents, actions = model.encode({"pixels": answers["pixels"]}), answers["actions"][:, 0]
    ahead = model.open_loop(latents, actions[:, :3], 1)[0]
    for frame in (1, 2, 3):
        context = Context(latents[:, :frame], actions[:, : frame - 1])
        rolled = model.rollout(context, actions[:, None, frame - 1 : frame]).latents[:, 0, 0]
        torch.testing.assert_close(rolled, ahead[:, frame - 1], atol=1e-5, rtol=0)
    ahead.sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


@pytest.mark.parametrize(("size", "weights"), [(224, 18_034_478), (64, 17_921_582)])
def test_the_paper_has_as_many_weights_as_the_peer(size, weights):
    with torch.device("meta"):
        model = build(lewm_paper(size), ACTION)
    # The peer's class token has a place of its own, which ours has taken in.
    assert sum(each.numel() for each in model.parameters()) == weights - 192
    assert Recipe.from_dict(json.loads(json.dumps(lewm_paper(size).as_dict()))) == lewm_paper(size)


def test_what_was_read_can_be_kept_as_a_model_file(tmp_path, answers):
    model, recipe = read_lewm(WEIGHTS, ACTION, frame_skip=2)
    save(tmp_path / "lewm.safetensors", model, recipe, {"pixels": StreamSpec((8, 8, 3), "uint8")})
    assert difference(load(tmp_path / "lewm.safetensors").model, answers) < 1e-5


def changed(path: Path, **changes) -> Path:
    with safe_open(WEIGHTS, framework="pt") as file:
        told = json.loads(file.metadata()["lewm"])
    tensors = load_file(WEIGHTS)
    tensors |= changes.pop("tensors", {})
    for name in changes.pop("without", ()):
        del tensors[name]
    save_file(tensors, path, {"lewm": json.dumps(told | changes)})
    return path


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"without": ["predictor.transformer.norm.weight"]}, "lacks the tensor 'predictor.transformer.norm.weight'"),
        ({"tensors": {"more": torch.zeros(1)}}, "has besides the tensor 'more'"),
        ({"tensors": {"predictor.pos_embedding": torch.full((1, 3, 6), torch.nan)}}, "NaN"),
        ({"tensors": {"pred_proj.net.3.bias": torch.zeros(7)}}, "is \\(7,\\) where"),
        ({"format": "another"}, "not written by"),
        ({"heads": "three"}, "count was expected"),
        ({"heads": 0}, "holds no LeWM"),
        ({"size": 2**40}, "no tensor can have|is \\(1, 5, 6\\)"),
        ({"predictor_heads": 4}, "where the others ask for"),
        ({"norm_eps": 2.0}, "norm_eps"),
    ],
)
def test_another_file_is_refused(tmp_path, changes, said):
    with pytest.raises(BadModelFile, match=said):
        read_lewm(changed(tmp_path / "odd.safetensors", **changes), ACTION, frame_skip=2)


def test_what_is_no_file_of_tensors_is_refused(tmp_path):
    (tmp_path / "no.safetensors").write_bytes(b"\x80\x04no")
    for path in (tmp_path / "no.safetensors", tmp_path / "none.safetensors", tmp_path):
        with pytest.raises(BadModelFile):
            read_lewm(path, ACTION)
    with pytest.raises(BadInput, match="4 numbers a model step"):
        read_lewm(WEIGHTS, ACTION, frame_skip=5)


def test_the_reference_is_the_peers(tmp_path):
    python = os.environ.get("PEER_PYTHON")
    if not python:
        pytest.skip("PEER_PYTHON names no Python with stable-worldmodel; `make peers` makes one")
    environment = {**os.environ, "PYTHONPATH": str(BENCHMARKS)}
    subprocess.run([python, "-m", "beside.lewm_peer", str(tmp_path)], env=environment, check=True, capture_output=True)
    for name in ("weights.safetensors", "answers.safetensors"):
        kept, anew = load_file(FOLDER / name), load_file(tmp_path / name)
        assert kept.keys() == anew.keys()
        for key, tensor in kept.items():
            torch.testing.assert_close(anew[key], tensor, atol=1e-5, rtol=0)


def test_a_smaller_window_is_another_model(answers):
    model, recipe = read_lewm(WEIGHTS, ACTION, frame_skip=2)
    smaller = build(replace(recipe, predictor=replace(recipe.predictor, window=2)), ACTION).eval()
    weights = model.state_dict()
    smaller.load_state_dict({**weights, "predictor.positions": weights["predictor.positions"][:2]})
    assert difference(smaller, answers) > 1e-3
