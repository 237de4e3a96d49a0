"""Every test runs with shapes checked, one thread and a fixed seed.

jaxtyping's import hook makes beartype check each annotation of the package, shapes included. It stands here and nowhere
else, so whoever installs gedanken pays nothing for it; it must come before the first import of `gedanken`.
"""

from jaxtyping import install_import_hook

install_import_hook("gedanken", "beartype.beartype")

import random  # noqa: E402

import numpy as np  # noqa: E402
import pytest  # noqa: E402
import torch  # noqa: E402

# Test processes share the cores, and sums in another order would change seeded results.
torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def seeded() -> None:
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 - other libraries still draw from the global generator
    torch.manual_seed(0)
