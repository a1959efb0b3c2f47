"""How far two contours lie apart: HD95 and the normalised surface Dice."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
TOLERANCE = 5.0


class SurfaceScores(NamedTuple):
    """Distances between two contours."""

    hd95: float
    """in the unit of `spacing`; NaN where either mask is empty"""
    nsd: float
    """in [0, 1]; NaN where either mask is empty"""


def surface_scores(
    mask: Mask, truth: Mask, *, spacing: float = 1.0, tolerance: float = TOLERANCE
) -> SurfaceScores:
    """HD95 and NSD between the borders of two masks, bool [H, W].

    The border of a mask are its pixels with a 4-neighbour outside it or beyond the frame. HD95 is
    the larger of the two directed 95 % quantiles of border distances (Huttenlocher et al., 1993);
    NSD the share of both borders that lies within `tolerance` of the other (Nikolov et al., 2018).
    `spacing` is the side of a pixel; with 1 the distances, like `tolerance`, are in pixels.
    """
    if not (mask.any() and truth.any()):
        return SurfaceScores(float("nan"), float("nan"))
    first, second = border(mask), border(truth)
    there, back = _distances(first, second) * spacing, _distances(second, first) * spacing
    hd95 = max(np.quantile(there, 0.95), np.quantile(back, 0.95))
    near = np.count_nonzero(there <= tolerance) + np.count_nonzero(back <= tolerance)
    return SurfaceScores(float(hd95), float(near / (len(there) + len(back))))


def border(mask: Mask) -> NDArray[np.intp]:
    """Rows and columns, int [B, 2], of a mask's border pixels."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    top, left = rows[0], columns[0]
    inner = np.pad(mask[top : rows[-1] + 1, left : columns[-1] + 1], 1)
    core = inner[:-2, 1:-1] & inner[2:, 1:-1] & inner[1:-1, :-2] & inner[1:-1, 2:]
    points: NDArray[np.intp] = np.argwhere(inner[1:-1, 1:-1] & ~core) + (top, left)
    return points


def _distances(points: NDArray[np.intp], others: NDArray[np.intp]) -> NDArray[np.float64]:
    from scipy.spatial import KDTree

    distances, _ = KDTree(others, leafsize=32).query(points)
    return np.asarray(distances)
