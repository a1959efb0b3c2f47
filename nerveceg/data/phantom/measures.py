"""What a set of frames and masks measures, in the terms of `targets.json`."""

import json
from collections.abc import Sequence
from importlib.resources import files
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

Floats = NDArray[np.float64]


class Widths(NamedTuple):
    """Full widths at half maximum of an autocorrelation, in pixels."""

    axial: float
    lateral: float


class Region(NamedTuple):
    """Moments of a mask: area, centroid and full axes in pixels, tilt in degrees from the rows."""

    area: float
    row: float
    column: float
    major: float
    minor: float
    tilt: float


def measured_targets() -> dict[str, Any]:
    """The figures measured on real neck frames that the phantom is held to."""
    text = files("nerveceg.data.phantom").joinpath("targets.json").read_text(encoding="utf-8")
    targets: dict[str, Any] = json.loads(text)
    return targets


def speckle_widths(image: NDArray[np.uint8], *, patch: int = 40, share: float = 0.05) -> Widths:
    """Autocorrelation widths over the most homogeneous patches, median of them.

    The background (Gaussian, sd 12) is removed first; a patch is the more homogeneous the less
    its background varies.
    """
    detail, background = _split(image)
    corners = [
        (row, column)
        for row in range(15, image.shape[0] - patch, patch)
        for column in range(1, image.shape[1] - patch, patch)
    ]
    uneven = [background[r : r + patch, c : c + patch].std() for r, c in corners]
    chosen = np.argsort(uneven)[: max(int(share * len(corners)), 1)]
    widths = [
        _widths(detail[r : r + patch, c : c + patch]) for r, c in (corners[n] for n in chosen)
    ]
    axial, lateral = np.median(np.array(widths), axis=0)
    return Widths(float(axial), float(lateral))


def frame_widths(image: NDArray[np.uint8]) -> Widths:
    """Autocorrelation widths over the whole frame, background removed."""
    return _widths(_split(image)[0][15:])


def grain(image: NDArray[np.uint8], *, patch: int = 40, share: float = 0.05) -> float:
    """Standard deviation, in grey levels, of the detail in the most homogeneous patches."""
    detail, background = _split(image)
    rows, columns = image.shape[0] // patch, image.shape[1] // patch
    shape = (rows, patch, columns, patch)
    tiles = (slice(0, rows * patch), slice(0, columns * patch))
    uneven = background[tiles].reshape(shape).std(axis=(1, 3)).ravel()
    rough = detail[tiles].reshape(shape).std(axis=(1, 3)).ravel()
    return float(np.median(rough[np.argsort(uneven)[: max(int(share * len(uneven)), 1)]]))


def depth_bands(image: NDArray[np.uint8]) -> Floats:
    """Mean grey of bands of 60 rows, float64 [7]."""
    return np.asarray(image.reshape(-1, 60, image.shape[1]).mean(axis=(1, 2)))


def region(mask: NDArray[np.bool_]) -> Region:
    """Moments of a mask with at least one pixel."""
    rows, columns = np.nonzero(mask)
    spread = np.cov(np.stack([rows, columns]), bias=True)
    short, long = np.sqrt(np.linalg.eigvalsh(spread))
    tilt = 0.5 * np.degrees(np.arctan2(2 * spread[0, 1], spread[0, 0] - spread[1, 1]))
    return Region(
        area=float(rows.size),
        row=float(rows.mean()),
        column=float(columns.mean()),
        major=4 * float(long),
        minor=4 * float(short),
        tilt=float(tilt),
    )


def pair_dice(masks: Sequence[NDArray[np.bool_]]) -> float:
    """Mean Dice over all pairs of non-empty masks; NaN for fewer than two masks."""
    flat = np.stack([mask.ravel() for mask in masks]).astype(np.float32)
    area = flat.sum(axis=1)
    dice = 2 * (flat @ flat.T) / (area[:, None] + area)
    return float(dice[np.triu_indices(len(flat), 1)].mean())


def _split(image: NDArray[np.uint8]) -> tuple[Floats, Floats]:
    grey = image.astype(np.float64)
    background = gaussian_filter(grey, 12)
    return grey - background, background


def _widths(detail: Floats) -> Widths:
    detail = detail - detail.mean()
    power = np.abs(np.fft.rfft2(detail, [2 * length for length in detail.shape])) ** 2
    correlation = np.fft.irfft2(power)
    overlap = [length - np.arange(length) for length in detail.shape]
    axial = correlation[: detail.shape[0], 0] / overlap[0]
    lateral = correlation[0, : detail.shape[1]] / overlap[1]
    return Widths(_full_width(axial / axial[0]), _full_width(lateral / lateral[0]))


def _full_width(correlation: Floats) -> float:
    below = int(np.argmax(correlation < 0.5))
    above = correlation[below - 1]
    return 2 * (below - 1 + float((above - 0.5) / (above - correlation[below])))
