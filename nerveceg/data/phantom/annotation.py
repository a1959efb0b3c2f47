"""What an annotator makes of a frame: a presence label from noisy visibility, and a drawn mask."""

from dataclasses import dataclass, replace
from math import cos, exp, hypot, pi, sin

import numpy as np
from numpy.typing import NDArray

from nerveceg.data.phantom.grid import HEIGHT, WIDTH
from nerveceg.data.phantom.sweep import Pose

# Root-mean-square share of the harmonics 1-8 in the radius of real contours about the ellipse.
_HARMONICS = (0.005, 0.005, 0.0446, 0.0371, 0.0187, 0.0138, 0.0100, 0.0079)
_DIRECTIONS = 360


@dataclass(frozen=True, kw_only=True)
class Annotator:
    """Habits: presence noise and bias on the visibility logit, contour jitter in px and shares."""

    label_noise: float = 2.0
    bias: float = 0.0
    jitter_row: float = 3.0
    jitter_column: float = 4.0
    jitter_axes: float = 0.06
    polygon_share: float = 0.15


def label_presence(pose: Pose, annotator: Annotator, rng: np.random.Generator) -> bool:
    """Presence label: whether visibility, blurred by noise and moved by bias, passes one half."""
    return pose.logit + annotator.bias + annotator.label_noise * float(rng.standard_normal()) > 0


def draw_mask(pose: Pose, annotator: Annotator, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Mask, bool [HEIGHT, WIDTH], of the plexus at `pose` as this annotator would draw it."""
    seen = _jittered(pose, annotator, rng)
    radius = _contour(rng)
    if rng.random() < annotator.polygon_share:
        radius = _polygon(radius, corners=int(rng.integers(8, 15)), rng=rng)
    return _fill(seen, radius)


def _jittered(pose: Pose, annotator: Annotator, rng: np.random.Generator) -> Pose:
    row, column, major, minor = rng.standard_normal(4).tolist()
    return replace(
        pose,
        row=pose.row + annotator.jitter_row * row,
        column=pose.column + annotator.jitter_column * column,
        major=pose.major * exp(annotator.jitter_axes * major),
        minor=pose.minor * exp(annotator.jitter_axes * minor),
    )


def _contour(rng: np.random.Generator) -> NDArray[np.float64]:
    """Radius [_DIRECTIONS] about 1, in the frame of the unit ellipse, over angles from -pi."""
    angle = 2 * pi * np.arange(_DIRECTIONS) / _DIRECTIONS - pi
    order = np.arange(1, len(_HARMONICS) + 1)[:, None]
    phase = rng.uniform(0, 2 * pi, (len(_HARMONICS), 1))
    size = np.sqrt(2) * np.array(_HARMONICS)[:, None] * np.abs(rng.standard_normal(phase.shape))
    return np.asarray(1 + (size * np.cos(order * angle + phase)).sum(axis=0))


def _polygon(
    radius: NDArray[np.float64], *, corners: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """The radius of straight lines between `corners` clicks on the contour."""
    clicks = (np.arange(corners) + rng.uniform(-0.3, 0.3, corners)) * (_DIRECTIONS / corners)
    clicks = np.rint(clicks).astype(int) % _DIRECTIONS
    angle = 2 * pi * np.arange(_DIRECTIONS) / _DIRECTIONS
    lines = np.empty(_DIRECTIONS)
    for start, end in zip(np.sort(clicks), np.roll(np.sort(clicks), -1), strict=True):
        span = np.arange((end - start) % _DIRECTIONS + 1)
        width = 2 * pi * (len(span) - 1) / _DIRECTIONS
        turn = angle[span]
        sides = radius[start] * np.sin(turn) / radius[end] + np.sin(width - turn)
        lines[(start + span) % _DIRECTIONS] = radius[start] * np.sin(width) / sides
    # Chords cut corners off: scale back to the area that was meant.
    return np.asarray(lines * np.sqrt((radius**2).sum() / (lines**2).sum()))


def _fill(pose: Pose, radius: NDArray[np.float64]) -> NDArray[np.bool_]:
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    part = _box(pose, float(radius.max()))
    rows, columns = np.ogrid[part]
    below, aside = rows - np.float32(pose.row), columns - np.float32(pose.column)
    down, right = np.float32(cos(pose.tilt)), np.float32(sin(pose.tilt))
    along = (below * down + aside * right) / np.float32(pose.major)
    across = (aside * down - below * right) / np.float32(pose.minor)
    turn = (np.arctan2(across, along) + np.float32(pi)) * np.float32(_DIRECTIONS / (2 * pi))
    limit = radius.astype(np.float32)[turn.astype(np.int32) % _DIRECTIONS]
    mask[part] = along * along + across * across < limit * limit
    return mask


def _box(pose: Pose, stretch: float) -> tuple[slice, slice]:
    """The part of the frame that holds the contour, one pixel inside the border."""
    tall = stretch * hypot(pose.major * cos(pose.tilt), pose.minor * sin(pose.tilt)) + 2
    wide = stretch * hypot(pose.major * sin(pose.tilt), pose.minor * cos(pose.tilt)) + 2
    top, bottom = max(int(pose.row - tall), 1), min(int(pose.row + tall) + 1, HEIGHT - 1)
    left, right = max(int(pose.column - wide), 1), min(int(pose.column + wide) + 1, WIDTH - 1)
    return slice(top, bottom), slice(left, right)
