"""The mask that is the same on every frame: what a score is worth that looks at no image."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate

from nerveceg.errors import NerveCegError
from nerveceg.evaluation.counts import STEPS, Counts, count_hits, dice

GRID = (128, 176)


@dataclass(frozen=True, kw_only=True)
class ConstantMask:
    """Where the nerve lies on average in training frames, cut at its best threshold.

    mean: float32 [1, 1, h, w] in [0, 1], the mean of the training masks.
    threshold: a pixel belongs to the mask iff its mean is at least this.
    """

    mean: Tensor
    threshold: float

    def at(self, height: int, width: int) -> Tensor:
        """The mask at a frame's native size, bool [1, 1, height, width]."""
        return interpolate(self.mean, (height, width), mode="bilinear") >= self.threshold


def fit_constant_mask(
    masks: Iterable[NDArray[np.bool_]], *, grid: tuple[int, int] = GRID
) -> ConstantMask:
    """The constant mask of training masks, bool [H, W] of any size; empty ones don't count.

    The threshold is the one of k / 100 with the best mean Dice over the training masks themselves.
    Masks are kept at `grid`, so memory is 22 KB a mask whatever the frames' size.

    Raises:
        NerveCegError: every mask is empty.
    """
    shrunk = [_shrink(mask, grid) for mask in masks if mask.any()]
    if not shrunk:
        raise NerveCegError(
            "a constant mask needs a training mask that isn't empty: give frames with nerve"
        )
    truth = torch.cat(shrunk)
    mean = truth.float().mean(dim=0, keepdim=True)
    return ConstantMask(mean=mean, threshold=_best_threshold(mean, truth))


def _best_threshold(mean: Tensor, truth: Tensor) -> float:
    total = np.zeros(STEPS - 1)
    for frame in truth:
        hits, area = (column[0].numpy() for column in count_hits(mean, frame[None]))
        total += dice(Counts(hits, area), np.full(STEPS - 1, int(frame.sum())))
    return (int(total.argmax()) + 1) / STEPS


def _shrink(mask: NDArray[np.bool_], grid: tuple[int, int]) -> Tensor:
    pixels = torch.from_numpy(np.ascontiguousarray(mask))[None, None].float()
    return interpolate(pixels, grid, mode="area") >= 0.5
