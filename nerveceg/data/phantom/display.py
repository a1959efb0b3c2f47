"""Echo amplitude to the 8-bit picture of Kaggle's scanner: log compression, tone and furniture."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from nerveceg.data.phantom.grid import HEIGHT, WIDTH, Array, upsample
from nerveceg.data.phantom.sweep import Knobs

# Grey values that real frames reach at 0, 5, ... 95 % of their pixels, then at 97.5 and 100 %.
_TONE_SHARES = (*(step / 20 for step in range(20)), 0.975, 1.0)
_TONE_GREYS = (
    *(2, 25, 36, 44, 50, 55, 61, 66, 71, 76, 81, 88, 95, 102, 112, 123, 137, 155, 177, 219),
    *(258, 330),
)
_TOP_ROWS = (117, 192, 206, 184, 177, 170, 162, 150, 142, 137, 133, 131)
_TABLE_SIZE = 1024
_NOISE_ROOM = 60


@dataclass(frozen=True, kw_only=True)
class Screen:
    """How the scanner shows echoes: dynamic range in dB, share of the matched tone curve.

    `gain` (dB) brightens all frames; `gain_knob` (dB) and `contrast_knob` (log) are what a unit
    of a pose's knobs changes. `axial_blur` is the sd in rows of the
    filter after log compression, `noise` the electronic noise in grey levels. `furnished` frames
    have the bright top rows, the marker and the black first column of Kaggle's.
    """

    dynamic_range: float
    gain: float = 0.0
    gain_knob: float = 0.9
    contrast_knob: float = 0.08
    matched: float = 0.95
    axial_blur: float = 1.0
    noise: float = 1.6
    furnished: bool = True


def draw_screen(rng: np.random.Generator) -> Screen:
    """One subject's display settings."""
    return Screen(dynamic_range=float(rng.uniform(38, 52)), gain=float(rng.normal(0, 0.5)))


def show(
    amplitude: Array, screen: Screen, *, knobs: Knobs, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Picture uint8 [HEIGHT, WIDTH] of an amplitude [HEIGHT, COLUMNS]."""
    decibels = np.float32(20) * np.log10(amplitude + np.float32(1e-3))
    decibels = gaussian_filter1d(decibels, screen.axial_blur, axis=0, truncate=2.5)
    grey = _tone(upsample(decibels), screen, knobs)
    row, column = rng.integers(0, _NOISE_ROOM, 2)
    grey += np.float32(screen.noise) * _noise()[row : row + HEIGHT, column : column + WIDTH]
    if screen.furnished:
        _light_top_rows(grey)
    picture = grey.clip(0, 255).astype(np.uint8)
    if screen.furnished:
        _add_marker(picture)
        picture[:, 0] = 0
    return picture


def _tone(decibels: Array, screen: Screen, knobs: Knobs) -> Array:
    """Grey levels: mostly the measured grey quantiles, and for the rest linear in decibels."""
    quantiles = np.quantile(decibels[12::7, ::13], _TONE_SHARES)
    low, high = float(quantiles[0]) - 1, float(quantiles[-1]) + 1
    levels = np.linspace(low, high, _TABLE_SIZE)
    levels = _turned(levels, float(quantiles[10]), screen, knobs)
    linear = 26 + 255 * (levels - quantiles[1]) / screen.dynamic_range
    matched = np.interp(levels, quantiles, _TONE_GREYS)
    table = (screen.matched * matched + (1 - screen.matched) * linear).astype(np.float32)
    scale = np.float32((_TABLE_SIZE - 1) / (high - low))
    places = (decibels - np.float32(low)) * scale
    return np.asarray(table.take(places.astype(np.intp), mode="clip"))


def _turned(
    levels: NDArray[np.float64], middle: float, screen: Screen, knobs: Knobs
) -> NDArray[np.float64]:
    """Decibel levels after the frame's gain and its contrast about the `middle` level."""
    stretch = np.exp(screen.contrast_knob * knobs.contrast)
    shift = screen.gain + screen.gain_knob * knobs.gain
    return np.asarray(middle + stretch * (levels - middle) + shift)


@cache
def _noise() -> Array:
    shape = (HEIGHT + _NOISE_ROOM, WIDTH + _NOISE_ROOM)
    return np.random.default_rng(7).standard_normal(shape, dtype=np.float32)


def _light_top_rows(grey: Array) -> None:
    """Blend the skin line into the first rows, as bright as it is on average in real frames."""
    top = grey[: len(_TOP_ROWS)]
    line = np.array(_TOP_ROWS, np.float32)[:, None]
    line = line + np.float32(0.45) * (top - top.mean(axis=1, keepdims=True))
    below = np.maximum(np.arange(len(top), dtype=np.float32) - 5, 0)
    weight = np.exp(-below / 3)[:, None]
    top[:] = (1 - weight) * top + weight * line


def _add_marker(picture: NDArray[np.uint8]) -> None:
    """Outline of the orientation marker: a triangle, apex down, rows 0-18, columns 294-312."""
    for row in range(19):
        left, right = 294 + row // 2, 312 - row // 2
        picture[row, [left, left + 1, right - 1, right]] //= 2
    picture[0, 294:313] = 0
