import torch
from torch import Generator

from gedanken.data.kept import KeptLatents


def test_windows_cross_no_end_of_a_stretch_and_keep_each_action_with_its_latent():
    """Latents count up within a stretch and jump between two; an action says which latent it leaves."""
    lengths, first, latents, actions = [5, 3, 9, 2], 0, [], []
    for length in lengths:
        numbers = torch.arange(first, first + length, dtype=torch.float32)
        latents.append(numbers[:, None, None])
        actions.append(numbers[:-1, None])
        first += length + 100
    kept = KeptLatents(latents, actions, 3)
    assert len(kept) == 3 + 1 + 7
    windows = kept.sample(500, Generator().manual_seed(0))
    seen = windows.observations["latents"][:, :, 0, 0]
    assert (seen.diff(dim=1) == 1).all()
    assert torch.equal(windows.actions[:, :, 0], seen[:, :-1])
    assert len(seen[:, 0].unique()) == len(kept)
