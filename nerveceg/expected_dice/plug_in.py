"""The best masks of a batch of frames by the plug-in, on any device."""

import math
from typing import NamedTuple

import numpy as np

from nerveceg.arrays import Array, is_torch_array, namespace, on_host

# Probabilities are added as whole numbers: no sum depends on the order in which a GPU adds.
LEVEL_BITS = 24
# Number and sum of up to PART pixels fit side by side in one int64, and are added as one.
PART = 2**18
COUNT_SHIFT = 43


class Optimum(NamedTuple):
    """Expected Dice of N frames' best masks, and the thresholds that draw them; float32 [N] each.

    The masks are `probability >= threshold[:, None, None, None]`.
    """

    dice: Array
    threshold: Array


def plug_in(probability: Array, *, bins: int = 1024) -> Optimum:
    """The best masks of N frames by the plug-in, from one histogram a frame.

    With the truth's area replaced by its mean, mu = sum p, the k likeliest pixels, of summed
    probability c_k, score d(k) = 2 c_k / (k + mu). One pixel more raises it iff p > d(k) / 2, so
    the best mask is p >= d / 2. Its regret is large where the nerve's area is bimodal, so that
    the mean is an area that never occurs: `best_of_samples` is exact there too.

    Dai and Li, RankSEG, JMLR 24(224), 2023, with the mean in place of the area's law; half the
    optimum as threshold: Lipton, Elkan and Naryanaswamy, ECML 2014.

    Args:
        probability: float32 [N, 1, H, W] in [0, 1], P(pixel is nerve | the frame shows the
            nerve), calibrated.
        bins: of the histogram, between 0 and the frame's greatest probability.

    Returns:
        The optimum, on the device of `probability`; nothing waits for the device. A frame with any
        p > 0 gets a mask; a frame of zeros gets Dice 0 and threshold 1, which draws none.
    """
    # One frame at a time stays in a processor's cache; a GPU is faster with all at once.
    xp, count = namespace(probability), len(probability)
    together = 1 if on_host(probability) else max(1, count)
    pixels = xp.reshape(probability, (count, math.prod(probability.shape[1:])))
    firsts = range(0, max(1, count), together)
    optima = [_plug_in(pixels[first : first + together], bins) for first in firsts]
    dice, threshold = zip(*optima, strict=True)
    return Optimum(xp.concat(dice), xp.concat(threshold))


def _plug_in(probability: Array, bins: int) -> Optimum:
    xp, number = namespace(probability), probability.dtype
    peak = xp.max(probability, axis=1)
    scale = 2**LEVEL_BITS / xp.clip(peak, 1e-30, None)
    histogram = _histogram(xp.astype(probability * scale[:, None], xp.int64), bins)
    count, level = (xp.cumulative_sum(xp.flip(part, axis=1), axis=1) for part in histogram)
    area = xp.astype(xp.clip(count, 1, None), number)
    hits = xp.astype(level, number) * (peak / 2**LEVEL_BITS)[:, None]
    dice = xp.max(2 * hits / (area + hits[:, -1:]), axis=1)
    # Half the Dice is below the peak, but of faint frames it may be rounded to above it.
    threshold = xp.where(peak > 0, xp.minimum(dice / 2, peak), xp.ones_like(peak))
    return Optimum(dice, threshold)


def _histogram(level: Array, bins: int) -> tuple[Array, Array]:
    """Number of pixels and sum of their levels in each bin, int64 [N, bins + 1].

    level: int64 [N, n] from 0 to 2 ** LEVEL_BITS; the last bin holds that greatest level alone.
    """
    xp = namespace(level)
    if not is_torch_array(level):
        index = (level * bins) >> LEVEL_BITS
        count = [np.bincount(row, minlength=bins + 1) for row in index]
        # Sums of whole numbers below 2 ** 53: exact in float64, in any order.
        total = [np.bincount(*row, minlength=bins + 1) for row in zip(index, level, strict=True)]
        return xp.stack(count), xp.stack(total).astype(np.int64)
    packed = xp.stack([_packed_histogram(part, bins) for part in xp.split(level, PART, dim=1)])
    count = packed >> COUNT_SHIFT
    return count.sum(0), (packed - (count << COUNT_SHIFT)).sum(0)


def _packed_histogram(level: Array, bins: int) -> Array:
    """Number and sum of at most PART levels, int64 [N, n], side by side in int64 [N, bins + 1]."""
    index = (level * bins).bitwise_right_shift_(LEVEL_BITS)
    empty = level.new_zeros(len(level), bins + 1)
    return empty.scatter_add(1, index, level + (1 << COUNT_SHIFT))
