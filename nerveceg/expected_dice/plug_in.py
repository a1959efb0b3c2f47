"""The best masks of a batch of frames by the plug-in, on any device."""

from typing import NamedTuple

import torch
from torch import Tensor

# Probabilities are added as whole numbers: no sum depends on the order in which a GPU adds.
LEVEL_BITS = 24
# Number and sum of up to PART pixels fit side by side in one int64, and are added as one.
PART = 2**18
COUNT_SHIFT = 43


class Optimum(NamedTuple):
    """Expected Dice of N frames' best masks, and the thresholds that draw them; float32 [N] each.

    The masks are `probability >= threshold[:, None, None, None]`.
    """

    dice: Tensor
    threshold: Tensor


def plug_in(probability: Tensor, *, bins: int = 1024) -> Optimum:
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
    together = 1 if probability.device.type == "cpu" else max(1, len(probability))
    optima = [_plug_in(frames.flatten(1), bins) for frames in torch.split(probability, together)]
    dice, threshold = zip(*optima, strict=True)
    return Optimum(torch.cat(dice), torch.cat(threshold))


def _plug_in(probability: Tensor, bins: int) -> Optimum:
    peak = probability.amax(1)
    scale = 2**LEVEL_BITS / peak.clamp_min(1e-30)
    count, level = _histogram((probability * scale[:, None]).to(torch.int64), bins)
    area = count.flip(1).cumsum(1)
    hits = level.flip(1).cumsum(1) * (peak / 2**LEVEL_BITS)[:, None]
    dice = (2 * hits / (area.clamp_min(1) + hits[:, -1:])).amax(1)
    # Half the Dice is below the peak, but of faint frames it may be rounded to above it.
    threshold = torch.where(peak > 0, torch.minimum(dice / 2, peak), 1.0)
    return Optimum(dice, threshold)


def _histogram(level: Tensor, bins: int) -> tuple[Tensor, Tensor]:
    """Number of pixels and sum of their levels in each bin, int64 [N, bins + 1].

    level: int64 [N, n] from 0 to 2 ** LEVEL_BITS; the last bin holds that greatest level alone.
    """
    parts = []
    for part in torch.split(level, PART, dim=1):
        index = (part * bins).bitwise_right_shift_(LEVEL_BITS)
        empty = level.new_zeros(len(level), bins + 1)
        parts.append(empty.scatter_add(1, index, part + (1 << COUNT_SHIFT)))
    packed = torch.stack(parts)
    count = packed >> COUNT_SHIFT
    return count.sum(0), (packed - (count << COUNT_SHIFT)).sum(0)
