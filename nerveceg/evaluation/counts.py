"""Probability maps to counts at every threshold in one pass over the pixels; Dice from counts."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nerveceg.errors import NerveCegError

STEPS = 100


class Counts(NamedTuple):
    """Pixels of masks: `hits` are those in mask and truth, `area` all of the mask; int [...]."""

    hits: NDArray[np.int64]
    area: NDArray[np.int64]


def thresholds_of(steps: int) -> NDArray[np.float32]:
    """The thresholds k / steps for k = 1 .. steps - 1, float32 [steps - 1]."""
    return np.arange(1, steps, dtype=np.float32) / np.float32(steps)


def column_of(threshold: float, grid: NDArray[np.float32]) -> int:
    """The place of a mask threshold in a tally's grid, float32 [K].

    Raises:
        NerveCegError: it isn't there.
    """
    column = int(np.searchsorted(grid, np.float32(threshold)))
    if column < len(grid) and grid[column] == np.float32(threshold):
        return column
    below = min(max(column - 1, 0), len(grid) - 2)
    raise NerveCegError(
        f"mask threshold {threshold} isn't in the tally: take {grid[below]:.2f} or "
        f"{grid[below + 1]:.2f}, the nearest that are"
    )


def count_hits(probability: Tensor, truth: Tensor, *, steps: int = STEPS) -> tuple[Tensor, Tensor]:
    """Count the masks `probability >= k / steps`, k = 1 .. steps - 1, in one pass over the pixels.

    The comparison is float32's own, so a mask drawn directly has the same counts. Nothing waits
    for the device.

    Args:
        probability: float [N, 1, H, W]; half precision counts as the same values in float32.
        truth: bool [N, 1, H, W].
        steps: the grid of thresholds.

    Returns:
        Hits and area, int64 [N, steps - 1] each, on the device of `probability`.
    """
    # One frame at a time stays in a processor's cache; a GPU is faster with all at once.
    together = 1 if probability.device.type == "cpu" else max(1, len(probability))
    chunks = zip(torch.split(probability, together), torch.split(truth, together), strict=True)
    counts = [_count(*chunk, steps) for chunk in chunks]
    hits, area = zip(*counts, strict=True)
    return torch.cat(hits), torch.cat(area)


def _count(probability: Tensor, truth: Tensor, steps: int) -> tuple[Tensor, Tensor]:
    frames = len(probability)
    level = _level(probability.float().flatten(1), steps).add_(truth.flatten(1), alpha=steps)
    index = level.to(torch.int64)
    index += torch.arange(frames, device=index.device).mul_(2 * steps)[:, None]
    histogram = torch.zeros(frames * 2 * steps, dtype=torch.int64, device=index.device)
    histogram.scatter_add_(0, index.flatten(), histogram.new_ones(1).expand(index.numel()))
    outside, inside = histogram.view(frames, 2, steps).flip(2).cumsum(2).flip(2)[:, :, 1:].unbind(1)
    return inside, outside + inside


def _level(probability: Tensor, steps: int) -> Tensor:
    """How many thresholds each pixel reaches, int32 [N, H * W] in 0 .. steps - 1.

    The nearest threshold is found by rounding and then compared exactly. Its divisor is a tensor
    because on a GPU torch replaces division by a number with a product with its reciprocal.
    """
    nearest = (probability * steps).round_()
    reached = probability >= nearest / torch.full((), steps, device=probability.device)
    return nearest.to(torch.int32).sub_(1).add_(reached).clamp_(0, steps - 1)


def count_mask(mask: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    """Hits and area, int32 [N] each, of masks bool [N, 1, H, W] against truth of the same shape."""
    return count_pixels(mask & truth), count_pixels(mask)


def count_pixels(mask: Tensor, dims: tuple[int, ...] = (1, 2, 3)) -> Tensor:
    """Pixels of bool masks along `dims`, int32.

    Bytes are added because torch would first copy a bool tensor to int64, fifteen times slower.
    """
    return mask.view(torch.uint8).sum(dims, dtype=torch.int32)


def dice(counts: Counts, truth_area: NDArray[np.integer]) -> NDArray[np.float64]:
    """Dice per frame, float64 [F] in [0, 1]: both empty is 1, one of the two empty is 0.

    Args:
        counts: int [F] each.
        truth_area: int [F], pixels of the truth.
    """
    total = counts.area.astype(np.int64) + truth_area
    return np.where(total == 0, 1.0, 2 * counts.hits.astype(np.int64) / np.maximum(total, 1))
