"""Transforms one after the other on a batch, each frame by draws of its own seed."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor


class Shown(NamedTuple):
    """N frames as the transforms change them, one after the other."""

    levels: Tensor
    """float32 [N, 1, h, w], grey levels from 0 to 255"""
    mask: Tensor
    """bool [N, 1, h, w]"""


class Transform(Protocol):
    """Changes frames, each by draws of its own."""

    p: float
    """how likely a frame is changed at all"""

    def __call__(self, shown: Shown, draws: Sequence[np.random.Generator]) -> Shown:
        """The frames that were chosen, changed; one generator a frame."""


class DeviceAugmentation:
    """Transforms one after the other, each on the frames that it is drawn for.

    What is done to a frame follows from its own seed alone, whatever else is in the batch.
    """

    def __init__(self, transforms: Sequence[Transform]) -> None:
        self._transforms = list(transforms)

    def __call__(
        self, image: Tensor, mask: Tensor, *, seeds: Sequence[int]
    ) -> tuple[Tensor, Tensor]:
        """Image, float32 [N, 1, h, w] in [0, 1] in whole grey levels, and mask, bool, changed.

        seeds: one a frame.
        """
        draws = [np.random.default_rng(seed) for seed in seeds]
        shown = Shown(image * 255, mask)
        for transform in self._transforms:
            chosen = [place for place, draw in enumerate(draws) if draw.random() < transform.p]
            if chosen:
                places = torch.tensor(chosen).to(image.device, non_blocking=True)
                some = Shown(*(pixels[places] for pixels in shown))
                changed = transform(some, [draws[place] for place in chosen])
                pairs = zip(shown, changed, strict=True)
                shown = Shown(*(pixels.index_copy(0, places, now) for pixels, now in pairs))
        return shown.levels.round().clamp(0, 255) / 255, shown.mask
