import pytest
import torch
from moments import ENCODER, latents, moments

from gedanken.errors import BadInput
from gedanken.memory import EpisodicMemory
from gedanken.memory.side_index import beside
from gedanken.types import Moment

pytest.importorskip("usearch", reason="needs the extra `index`")


def crowd(count: int, seed: int) -> torch.Tensor:
    """Latents `[count, 1, 32]` on a bent surface, as a world's are."""
    draw = torch.Generator().manual_seed(seed)
    mixing = torch.randn(6, 32, generator=torch.Generator().manual_seed(99))
    return torch.tanh(torch.randn(count, 6, generator=draw) @ mixing)[:, None]


def written(memory, count=3000, seed=0):
    return memory.write([Moment(latent, "walk", float(k)) for k, latent in enumerate(crowd(count, seed))])


def recall_at_10(memory, asked) -> float:
    exact, near = memory.nearest(asked, 10), memory.nearest(asked, 10, exact=False)
    hits = [len(set(one) & set(other)) for one, other in zip(exact.ids.tolist(), near.ids.tolist(), strict=True)]
    return sum(hits) / exact.ids.numel()


def test_the_index_finds_what_the_exact_search_finds(tmp_path):
    asked = crowd(50, seed=5)
    with EpisodicMemory.open(tmp_path / "house.db", ENCODER) as memory:
        written(memory)
        assert memory.build_index() == 3000
        assert recall_at_10(memory, asked) >= 0.95
        found = memory.nearest(asked, 10, exact=False)
        apart = (found.latents - asked[:, None].half().float()).square().mean(dim=(2, 3))
        assert torch.allclose(found.distances, apart, rtol=1e-4)
    with EpisodicMemory.reader(tmp_path / "house.db", ENCODER) as memory:
        assert recall_at_10(memory, asked) >= 0.95


def test_what_was_written_after_the_index_was_made_is_found_too(tmp_path):
    with EpisodicMemory.open(tmp_path / "house.db", ENCODER) as memory:
        written(memory, 500)
        memory.build_index()
        ids = written(memory, 20, seed=1)
        assert memory.nearest(crowd(20, seed=1), 1, exact=False).ids[:, 0].tolist() == ids


def test_what_was_forgotten_is_not_in_the_index_either(tmp_path):
    with EpisodicMemory.open(tmp_path / "house.db", ENCODER) as memory:
        written(memory, 200)
        memory.build_index()
        reader = EpisodicMemory.reader(tmp_path / "house.db", ENCODER)
        reader.nearest(crowd(1, 0), exact=False)
        memory.forget(until=100.0)
        assert not beside(memory.path).exists()
        with pytest.raises(BadInput, match="build_index"):
            memory.nearest(crowd(1, 0), exact=False)
        with pytest.raises(BadInput, match="has forgotten since"):
            reader.nearest(crowd(1, 0), exact=False)
        reader.close()
        memory.build_index()
        assert memory.nearest(crowd(100, 0), 1, exact=False).ids.min() > 100


def test_another_file_in_the_indexs_place_is_refused(tmp_path):
    with EpisodicMemory.open(tmp_path / "house.db", ENCODER) as memory:
        written(memory, 50)
        memory.build_index()
        content = bytearray(beside(memory.path).read_bytes())
        content[len(content) // 2] ^= 1
        beside(memory.path).write_bytes(content)
        with pytest.raises(BadInput, match="is not the index that was made"):
            memory.nearest(crowd(1, 0), exact=False)
        memory.build_index()
        assert memory.nearest(crowd(50, 0)[:1], 1, exact=False).distances.item() == 0


def test_nothing_cannot_be_indexed(tmp_path):
    with EpisodicMemory.open(tmp_path / "house.db", ENCODER) as memory:
        with pytest.raises(BadInput, match="remembers nothing yet"):
            memory.build_index()
        memory.write(moments(1))
        with pytest.raises(BadInput, match="has no index"):
            memory.nearest(latents(1), exact=False)
