"""The phantom's pixel grid, fine in depth and coarse laterally, and smooth fields on it."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

HEIGHT, WIDTH = 420, 580
LATERAL_STEP = 4
# The beam is about five pixels wide laterally, so a quarter of the columns holds all there is.
COLUMNS = WIDTH // LATERAL_STEP + 4
MILLIMETRES_PER_PIXEL = 0.069

DEPTH: Array = np.arange(HEIGHT, dtype=np.float32)[:, None]
LATERAL: Array = LATERAL_STEP * (np.arange(COLUMNS, dtype=np.float32)[None] - 2)


def coarse_column(column: float) -> int:
    """Index on the coarse grid of a pixel column, clipped to the grid."""
    return min(max(round(column / LATERAL_STEP) + 2, 0), COLUMNS - 1)


def sigmoid(values: Array) -> Array:
    """Logistic function, safe for any float32."""
    odds = np.exp(-np.maximum(values, np.float32(-80)))
    odds += np.float32(1)
    inverse: Array = np.reciprocal(odds, out=odds)
    return inverse


def bump(values: Array) -> Array:
    """Gaussian exp(-v^2 / 2)."""
    square = values * values
    square *= np.float32(-0.5)
    bell: Array = np.exp(square, out=square)
    return bell


def smooth_field(
    rng: np.random.Generator,
    *,
    axial: float,
    lateral: float,
    shape: tuple[int, int] = (HEIGHT, COLUMNS),
) -> Array:
    """Random field [shape] of mean 0, sd 1: smooth over `axial` rows, `lateral` columns (sd)."""
    knots = [
        _knots(length, smoothness)
        for length, smoothness in zip(shape, (axial, lateral), strict=True)
    ]
    coarse = rng.standard_normal((knots[0] + 3, knots[1] + 3), dtype=np.float32)
    across = _spline(coarse.T, shape[1], knots[1]).T
    field = _spline(across, shape[0], knots[0])
    field -= field.mean()
    field /= field.std()
    return field


def smooth_curve(rng: np.random.Generator, *, lateral: float) -> Array:
    """Random curve [1, COLUMNS] of sd 1 over the columns, smooth over `lateral` columns (sd)."""
    knots = _knots(COLUMNS, lateral)
    coarse = rng.standard_normal((knots + 3, 1), dtype=np.float32)
    curve = _spline(coarse, COLUMNS, knots).T
    curve /= np.float32(0.7)
    return curve


def upsample(coarse: Array) -> Array:
    """Coarse columns [H, COLUMNS] to all columns [H, WIDTH] by Catmull-Rom interpolation."""
    fine = np.empty((len(coarse), WIDTH), dtype=np.float32)
    for phase, weights in enumerate(_catmull_rom()):
        # Four weighted slices instead of a matrix product: no BLAS, so threads can't change a bit.
        total = weights[0] * coarse[:, 1:-3]
        for tap in (1, 2, 3):
            total += weights[tap] * coarse[:, 1 + tap : COLUMNS - 3 + tap]
        fine[:, phase::LATERAL_STEP] = total
    return fine


@cache
def _catmull_rom() -> tuple[tuple[np.float32, ...], ...]:
    rows = []
    for phase in range(LATERAL_STEP):
        t = phase / LATERAL_STEP
        row = (
            -0.5 * t + t**2 - 0.5 * t**3,
            1 - 2.5 * t**2 + 1.5 * t**3,
            0.5 * t + 2 * t**2 - 1.5 * t**3,
            -0.5 * t**2 + 0.5 * t**3,
        )
        rows.append(tuple(np.float32(weight) for weight in row))
    return tuple(rows)


def _knots(length: int, smoothness: float) -> int:
    # A cubic B-spline looks like a Gaussian whose sd is 1/sqrt(3) of the knot spacing.
    return max(round(length / (smoothness * 3**0.5)), 1)


def _spline(coefficients: Array, length: int, knots: int) -> Array:
    """Cubic B-spline along axis 0: coefficients [knots + 3, M] to values [length, M]."""
    position = np.arange(length, dtype=np.float32) * np.float32(knots / length)
    first = position.astype(np.intp)
    t = (position - first)[:, None]
    values = coefficients[first] * ((1 - t) ** 3 / np.float32(6))
    values += coefficients[first + 1] * ((3 * t**3 - 6 * t**2 + 4) / np.float32(6))
    values += coefficients[first + 2] * ((-3 * t**3 + 3 * t**2 + 3 * t + 1) / np.float32(6))
    values += coefficients[first + 3] * (t**3 / np.float32(6))
    return values
