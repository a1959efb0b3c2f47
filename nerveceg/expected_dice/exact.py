"""The best mask of one frame, exact: under the plug-in, for independent pixels, from samples."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class BestMask(NamedTuple):
    """The best mask, bool [n], and its expected Dice in [0, 1]."""

    dice: float
    mask: NDArray[np.bool_]


def plug_in_sorted(probability: NDArray[np.floating]) -> BestMask:
    """The plug-in by sorting, the reference for `plug_in`: float [n] in [0, 1]; zeros: no mask."""
    order = np.argsort(-probability, kind="stable")
    hits = probability[order].cumsum(dtype=np.float64)
    dice = 2 * hits / (np.arange(1, len(hits) + 1) + hits[-1])
    return _best_cut(dice, order)


def best_of_independent(probability: NDArray[np.floating]) -> BestMask:
    """The best non-empty mask of independent pixels, given that the truth isn't empty.

    For k pixels E[Dice] = sum of w_k = 2 p E[1 / (k + 1 + area of the other pixels)], greatest for
    the k likeliest; the area is Poisson-binomial. Dai and Li, RankSEG, JMLR 24(224), 2023. Takes
    O(n^3) products and O(n^2) memory: for hundreds of pixels.

    Args:
        probability: float [n] in [0, 1], before it is known that the truth isn't empty; zeros
            get no mask.
    """
    order = np.argsort(-probability, kind="stable")
    ranked = probability[order].astype(np.float64)
    size = np.arange(1, len(ranked) + 1)
    inverse = 1 / (size[None, :] + size[:, None])
    weight = 2 * ranked[:, None] * (_area_without(ranked) @ inverse)
    with np.errstate(divide="ignore"):
        present = -np.expm1(np.log1p(-ranked).sum())
    return _best_cut(np.diagonal(weight.cumsum(0)) / (present or 1), order)


def _best_cut(dice: NDArray[np.float64], order: NDArray[np.intp]) -> BestMask:
    """The first k + 1 pixels in `order`, where `dice`, float [n], is greatest at k."""
    cut = int(dice.argmax())
    mask = np.zeros(len(order), dtype=np.bool_)
    mask[order[: cut + 1]] = dice[cut] > 0
    return BestMask(float(dice[cut]), mask)


def _area_without(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    """P(area of all pixels but i is m), float64 [n (i), n (m)], of independent pixels.

    One pixel's share is divided out of everybody's area, from the end at which errors shrink.
    """
    area = np.ones(1)
    for p in probability:
        area = np.convolve(area, [1 - p, p])
    rare = probability <= 0.5
    without = np.empty((len(probability), len(probability)))
    without[rare] = _divide_out(area, probability[rare])
    without[~rare] = _divide_out(area[::-1], 1 - probability[~rare])[:, ::-1]
    return without


def _divide_out(area: NDArray[np.float64], p: NDArray[np.float64]) -> NDArray[np.float64]:
    without = np.zeros((len(p), len(area) - 1))
    without[:, 0] = area[0] / (1 - p)
    for m in range(1, len(area) - 1):
        without[:, m] = (area[m] - p * without[:, m - 1]) / (1 - p)
    return without


def best_of_samples(
    masks: NDArray[np.bool_],
    weight: NDArray[np.floating] | None = None,
    *,
    sizes: Iterable[int] | None = None,
) -> BestMask:
    """The best non-empty mask under any joint law, given by weighted masks drawn from it.

    For k pixels E[Dice] = sum over the mask of w_k = E[2 Y / (k + |Y|)], so the k pixels with the
    greatest w_k are best; no independence is assumed. Waegeman et al., On the Bayes-optimality of
    F-measure maximizers, JMLR 15, 2014.

    Args:
        masks: bool [S, n]; an empty one scores 0 with every mask, so leave those out for the
            expected Dice given that the nerve is shown.
        weight: float [S], at least 0; equal where it is None.
        sizes: numbers of pixels, 1 .. n, that the mask may have; any where it is None.
    """
    count, pixels = masks.shape
    share = np.full(count, 1 / count) if weight is None else weight / weight.sum()
    areas, drawn = masks.sum(1), masks.astype(np.float64)
    best, dice = np.arange(0), 0.0
    for size in range(1, pixels + 1) if sizes is None else sizes:
        value = 2 * share / (size + areas) @ drawn
        top = np.argpartition(-value, size - 1)[:size]
        if value[top].sum() > dice:
            best, dice = top, float(value[top].sum())
    mask = np.zeros(pixels, dtype=np.bool_)
    mask[best] = True
    return BestMask(dice, mask)
