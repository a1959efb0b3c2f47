"""COCO's outlines to masks, pixel by pixel as pycocotools draws them."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

_FINE = 5
"""Outlines are walked on a grid so much finer than the pixels (pycocotools, rleFrPoly)."""

_Ints = NDArray[np.int64]


def fill_polygon(corners: Sequence[float], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Mask, bool [H, W] of `shape`, of a polygon x0, y0, x1, y1, ... in pixels; it is closed."""
    fine = (np.asarray(corners, dtype=np.float64).reshape(-1, 2) * _FINE + 0.5).astype(np.int64)
    walk = np.concatenate([_line(*pair) for pair in pairwise([*fine, fine[0]])])
    return _inside(_crossings(walk, shape), shape)


def fill_counts(counts: Sequence[int], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Mask, bool [H, W], of COCO's runs: column-major lengths of background and nerve in turn.

    Raises:
        ValueError: the runs don't make up `shape`.
    """
    lengths = np.asarray(counts, dtype=np.int64)
    if lengths.size == 0 or lengths.min() < 0 or lengths.sum() != shape[0] * shape[1]:
        raise ValueError(f"its runs don't make up {shape[0]} x {shape[1]} pixels")
    inside = np.arange(len(lengths)) % 2 == 1
    return np.repeat(inside, lengths).reshape(shape, order="F")


def unpack_counts(text: str) -> list[int]:
    """The runs in COCO's compressed string: groups of 5 bits, each run less the last but one.

    Raises:
        ValueError: the string ends within a run.
    """
    counts: list[int] = []
    value, bits = 0, 0
    for code in text.encode("ascii"):
        group = code - 48
        value |= (group & 0x1F) << bits
        bits += 5
        if group & 0x20:
            continue
        if group & 0x10:
            value -= 1 << bits
        counts.append(value + counts[-2] if len(counts) > 2 else value)
        value, bits = 0, 0
    if bits:
        raise ValueError("its compressed runs are cut short")
    return counts


def _line(start: _Ints, end: _Ints) -> _Ints:
    """The grid points from one corner to the next, int64 [K, 2], as x and y."""
    steps = np.abs(end - start)
    long = 0 if steps[0] >= steps[1] else 1
    low, high = (end, start) if start[long] > end[long] else (start, end)
    along = np.arange(steps[long] + 1)
    slope = (high[1 - long] - low[1 - long]) / max(int(steps[long]), 1)
    points = np.empty((len(along), 2), dtype=np.int64)
    points[:, long] = low[long] + along
    points[:, 1 - long] = (low[1 - long] + slope * along + 0.5).astype(np.int64)
    return points if low is start else points[::-1]


def _crossings(walk: _Ints, shape: tuple[int, int]) -> _Ints:
    """Where columns of pixels are entered or left, int64 [C], as column-major places."""
    before, after = walk[:-1], walk[1:]
    moved = before[:, 0] != after[:, 0]
    fine_x = np.where(after[:, 0] < before[:, 0], after[:, 0], after[:, 0] - 1)
    column = (fine_x + 0.5) / _FINE - 0.5
    row = (np.minimum(before[:, 1], after[:, 1]) + 0.5) / _FINE - 0.5
    kept = moved & (column == np.floor(column)) & (column >= 0) & (column <= shape[1] - 1)
    rows = np.ceil(np.clip(row[kept], 0, shape[0])).astype(np.int64)
    crossings: _Ints = column[kept].astype(np.int64) * shape[0] + rows
    return crossings


def _inside(crossings: _Ints, shape: tuple[int, int]) -> NDArray[np.bool_]:
    pixels = shape[0] * shape[1]
    crossed = np.bincount(crossings, minlength=pixels + 1)[:pixels].cumsum()
    inside: NDArray[np.bool_] = crossed % 2 == 1
    return inside.reshape(shape, order="F")
