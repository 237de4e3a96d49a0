import pytest
import torch

from gedanken import modelfile
from gedanken.encoders import ConvEncoder, ConvEncoderConfig
from gedanken.encoders.head import head_layers
from gedanken.modelfile import ModelFile
from gedanken.types import ActionSpec

ROWS = 5 + 3 * torch.randn(64, 6, generator=torch.Generator().manual_seed(1))


def made(head):
    torch.manual_seed(0)
    project, norm = head_layers(head, 6, 4, 16)
    return torch.nn.ModuleDict({"project": project, "norm": norm})


def latents(layers, rows):
    return layers["norm"](layers["project"](rows).float())


def test_a_layer_norm_ends_in_latents_of_one_length():
    lengths = latents(made("layer_norm"), ROWS).norm(dim=1)
    torch.testing.assert_close(lengths, torch.full((64,), 2.0), atol=1e-3, rtol=0)


def test_the_mlp_leaves_lengths_free_as_sigreg_needs():
    lengths = latents(made("batch_norm_mlp").train(), ROWS).norm(dim=1)
    assert lengths.std() > 0.1 * lengths.mean()


def test_in_training_it_is_linear_batch_norm_gelu_linear():
    layers = made("batch_norm_mlp").train()
    first, norm, _, last = layers["project"]
    hidden = first(ROWS)
    hidden = (hidden - hidden.mean(dim=0)) / (hidden.var(dim=0, unbiased=False) + 1e-5).sqrt()
    torch.testing.assert_close(latents(layers, ROWS), last(torch.nn.functional.gelu(hidden)), atol=1e-5, rtol=1e-4)
    assert hidden.shape == (64, 16)
    assert norm.running_mean.abs().max() > 0.01


def test_in_training_rows_share_statistics_and_in_eval_none_does():
    layers = made("batch_norm_mlp").train()
    assert (latents(layers, ROWS)[:8] - latents(layers, ROWS[:8])).abs().max() > 0.05
    layers.eval()
    torch.testing.assert_close(latents(layers, ROWS)[:8], latents(layers, ROWS[:8]))
    latents(layers, ROWS[:1])


def test_what_training_saw_decides_what_eval_gives():
    layers = made("batch_norm_mlp").eval()
    untrained = latents(layers, ROWS)
    layers.train()
    for _ in range(100):
        trained = latents(layers, ROWS)
    layers.eval()
    torch.testing.assert_close(latents(layers, ROWS), trained, atol=0.02, rtol=0)
    assert (untrained - trained).abs().max() > 0.1


@pytest.mark.parametrize("head", ["layer_norm", "batch_norm_mlp"])
def test_a_model_file_keeps_the_head_and_its_statistics(head, tmp_path):
    config = ConvEncoderConfig(size=(16, 16), width=4, latent=8, head=head, head_hidden=16)
    encoder, seen = ConvEncoder(config), {"pixels": torch.randint(0, 256, (4, 2, 16, 16, 3), dtype=torch.uint8)}
    encoder.train().encode(seen)
    action = ActionSpec(width=1, low=(-1.0,), high=(1.0,))
    modelfile.write(
        tmp_path / "m.safetensors", ModelFile(config={}, tensors=encoder.state_dict(), action=action, observation={})
    )
    read = modelfile.read(tmp_path / "m.safetensors")
    again = ConvEncoder(config)
    again.load_state_dict(dict(read.tensors))
    assert torch.equal(again.eval().encode(seen), encoder.eval().encode(seen))
    assert any("running_mean" in name for name in read.tensors) == (head == "batch_norm_mlp")
