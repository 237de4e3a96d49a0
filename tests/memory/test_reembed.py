import pytest
import torch
from moments import ENCODER, OTHER, latents, moments, picture

from gedanken.encoders import ConvEncoder, ConvEncoderConfig, fingerprint
from gedanken.errors import BadInput
from gedanken.memory import EpisodicMemory, reembedded
from gedanken.memory.thumbnail import decoded, encoded


def cells(observation) -> torch.Tensor:
    """A new encoder: each picture's 4 x 4 cells, as two patches of eight."""
    return observation["pixels"][:, :, 8::16, 8::16, 0].float().reshape(-1, 1, 2, 8)


def test_a_memory_is_embedded_again_from_its_thumbnails(tmp_path):
    path = tmp_path / "house.db"
    with EpisodicMemory.open(path, ENCODER) as memory:
        ids = memory.write(moments(150, pictures=True))
        old = memory.database.rows("SELECT latent FROM moments")
    assert reembedded(path, cells, OTHER, batch=64) == 150
    with EpisodicMemory.open(path, OTHER) as memory:
        memory.check()
        asked = cells({"pixels": torch.stack([picture(k) for k in (3, 140)])[:, None]})[:, 0]
        found = memory.nearest(asked, 1)
        assert found.ids[:, 0].tolist() == [ids[3], ids[140]]
        assert found.distances.max() == 0
        assert memory.read(ids[:1])[0].moment.surprise == 0.0
        assert memory.facts().shape == (2, 8)
    content = path.read_bytes()
    assert not any(row[0] in content for row in old)
    with pytest.raises(BadInput, match="latents of encoder b"):
        EpisodicMemory.reader(path, ENCODER)


def test_without_thumbnails_nothing_is_changed(tmp_path):
    path = tmp_path / "house.db"
    with EpisodicMemory.open(path, ENCODER) as memory:
        memory.write([*moments(70, pictures=True), *moments(2, seed=3, since=5000.0)])
    with pytest.raises(BadInput, match="2 of 72 moments"):
        reembedded(path, cells, OTHER)

    def breaks(observation):
        return cells(observation) if len(observation["pixels"]) == 64 else latents(1, width=3)[:, None]

    with EpisodicMemory.open(path, ENCODER) as memory:
        memory.forget(since=5000.0)
        assert len(memory) == 70
    with pytest.raises((BadInput, ValueError)):
        reembedded(path, breaks, OTHER)
    with EpisodicMemory.open(path, ENCODER) as memory:
        memory.check()
        assert memory.nearest(latents(70)[69:], 1).distances.item() == 0


def test_a_fingerprint_follows_the_smallest_change_of_what_makes_latents():
    encoder = ConvEncoder(ConvEncoderConfig(width=4, latent=8))
    before = fingerprint(encoder)
    assert len(before) == 64
    assert fingerprint(encoder) == before
    for name, tensor in encoder.state_dict().items():
        kept = tensor.clone()
        tensor.view(-1)[-1] += 1e-3
        assert fingerprint(encoder) != before, name
        tensor.copy_(kept)
    assert fingerprint(encoder) == before


def test_thumbnails_are_small_and_those_of_few_colours_exact():
    drawn = picture(12345)
    assert decoded(encoded(drawn), 1).equal(drawn)
    large = picture(7).repeat_interleave(3, 0).repeat_interleave(3, 1)[:, :96]
    assert decoded(encoded(large), 1).shape == (64, 32, 3)
    smooth = torch.linspace(0, 255, 64)[:, None, None] * torch.ones(64, 3) * torch.linspace(0, 1, 64)[:, None]
    many = smooth.to(torch.uint8)
    many[..., 1] = many[..., 1].T
    assert (decoded(encoded(many), 1).float() - many.float()).abs().mean() < 4
    assert len(encoded(many)) < 1500
