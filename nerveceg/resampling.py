"""Pixels on another grid by straight lines: torch's own interpolation, and numpy's equal of it."""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from nerveceg.arrays import Array, is_torch_array

Size = tuple[int, int]
KEPT = 64
"""Axes whose weights are kept: frames come in few sizes."""


def shrink(pixels: Array, size: Size) -> Array:
    """Pixels, float [N, C, h, w], at another size: each new pixel is a mean of those it covers.

    Triangles as wide as the new pixels, cut at the borders (`interpolate` with antialias).
    """
    if is_torch_array(pixels):
        from torch.nn.functional import interpolate

        return interpolate(pixels, size, mode="bilinear", antialias=True)
    return _along_both(pixels, _triangles, size)


def stretch(pixels: Array, size: Size) -> Array:
    """Pixels, float [..., h, w] or float [N, C, h, w] in torch, read off between their centres.

    Beyond the outermost centres stands the border's value (`interpolate` without antialias).
    """
    if is_torch_array(pixels):
        from torch.nn.functional import interpolate

        return interpolate(pixels, size, mode="bilinear")
    return _along_both(pixels, _between_centres, size)


def mean_of_cells(pixels: NDArray[np.floating], size: Size) -> NDArray[Any]:
    """The mean over each cell of a coarser grid, float [..., h, w]; shared pixels count in both.

    As torch's `interpolate` in the mode "area".
    """
    means: NDArray[Any] = _along_both(pixels, _cells, size)
    return means


def _along_both(pixels: Any, weights_of: Any, size: Size) -> Any:
    """Weights along rows, then along columns, of float [..., h, w]; the dtype stays."""
    height, width = pixels.shape[-2:]
    rows, columns = weights_of(height, size[0]), weights_of(width, size[1])
    rows, columns = rows.astype(pixels.dtype), columns.astype(pixels.dtype)
    frames = [(columns @ (rows @ frame).T).T for frame in pixels.reshape(-1, height, width)]
    return np.stack(frames).reshape(*pixels.shape[:-2], *size)


@lru_cache(KEPT)
def _triangles(extent: int, size: int) -> sparse.csr_array:
    """What each of `size` pixels takes from each of `extent`, float64 [size, extent]."""
    step = extent / size
    reach = max(step, 1.0)
    away = _pixels(extent) - step * (np.arange(size)[:, None] + 0.5) + 0.5
    weights = np.maximum(0, 1 - np.abs(away / reach))
    return sparse.csr_array(weights / weights.sum(axis=1, keepdims=True))


@lru_cache(KEPT)
def _between_centres(extent: int, size: int) -> sparse.csr_array:
    """As `_triangles`, of the two pixels whose centres lie around the new one's."""
    # In float32, as torch finds these places for float32 pixels.
    step, half = np.float32(extent) / np.float32(size), np.float32(0.5)
    centre = np.clip((np.arange(size, dtype=np.float32) + half) * step - half, 0, extent - 1)
    away = np.abs(_pixels(extent) - centre[:, None])
    return sparse.csr_array(np.maximum(0, 1 - away))


@lru_cache(KEPT)
def _cells(extent: int, size: int) -> sparse.csr_array:
    """As `_triangles`, of the pixels that a cell touches, each alike."""
    edges = np.arange(size + 1)[:, None] * extent
    first, last = edges[:-1] // size, -(-edges[1:] // size)
    inside = (_pixels(extent) >= first) & (_pixels(extent) < last)
    return sparse.csr_array(inside / inside.sum(axis=1, keepdims=True))


def _pixels(extent: int) -> NDArray[np.int64]:
    return np.arange(extent)[None]
