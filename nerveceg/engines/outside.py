"""Networks that run outside torch: arrays of either kind in, logits of the same kind out."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nerveceg.arrays import Array, like, to_host
from nerveceg.models.networks import Network
from nerveceg.models.two_heads import Output, TwoHeads

Run: TypeAlias = Callable[[NDArray[np.float32]], Sequence[NDArray[Any]]]
"""Frames, float32 [N, 1, h, w], contiguous, to logits, or to presence and mask."""


def outside(run: Run) -> Network:
    """The network that a runtime's session is."""

    def network(image: Array) -> Output:
        logits = [like(part, image) for part in run(np.ascontiguousarray(to_host(image)))]
        return TwoHeads(*logits) if len(logits) == 2 else logits[0]

    return network
