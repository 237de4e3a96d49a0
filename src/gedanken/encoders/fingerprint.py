"""Whose latents are these: a fingerprint of the weights and statistics that make them."""

from __future__ import annotations

import json
from hashlib import sha256

import torch
from torch import nn


def fingerprint(encoder: nn.Module) -> str:
    """SHA-256, in hex, of the names, dtypes, shapes and bytes of all that an encoder holds; 64 characters.

    Training a predictor on the same encoder leaves it as it is; the smallest change of a weight or of what pixels are
    normalised by does not.
    """
    digest = sha256()
    for name, tensor in sorted(encoder.state_dict().items()):
        values = tensor.detach().cpu().contiguous()
        digest.update(json.dumps([name, str(values.dtype), list(values.shape)]).encode() + b"\n")
        digest.update(values.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
