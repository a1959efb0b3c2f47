"""A probe's sweep over one neck: where the plexus lies in each frame, and how well it is seen."""

from dataclasses import dataclass
from functools import cache
from math import cos, erf, exp, hypot, log, pi, sin, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nerveceg.data.phantom.grid import HEIGHT, WIDTH

VIDEO_STEPS = 120
POSE_MEMORY = 0.965
# Width of the border between seen and unseen, as a share of the sweep.
VISIBILITY_WIDTH = 0.07
# Kaggle's presence labels behave like visibility logits with about this much noise (sd).
MEASURED_LABEL_NOISE = 2.0


@dataclass(frozen=True, kw_only=True)
class Location:
    """Where one subject's plexus lies on average: pixels, radians, logs of half-axes in pixels."""

    row: float
    column: float
    tilt: float
    log_major: float
    log_minor: float
    prevalence: float


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Standard deviations of the pose within a subject, in the units of `Location`."""

    row: float = 20.5
    column: float = 39.0
    tilt: float = 0.33
    log_major: float = 0.165
    log_minor: float = 0.13
    tissue_lateral: float = 28.0
    tissue_lift: float = 9.0
    out_of_plane: float = 12.0


class Knobs(NamedTuple):
    """How the sonographer's settings and pressure drift over a sweep: standard normals.

    Overall gain, contrast, gain from left to right, and the depth gain's three sliders.
    """

    gain: float
    contrast: float
    drift: float
    shallow: float
    middle: float
    deep: float


@dataclass(frozen=True, kw_only=True)
class Pose:
    """One moment of a sweep: the plexus as an ellipse, and how the tissue lies under the probe.

    Rows, columns, half-axes and shifts are in pixels; tilt in radians from the row axis towards
    the columns; `logit` is the log odds of visibility.
    """

    step: int
    row: float
    column: float
    tilt: float
    major: float
    minor: float
    logit: float
    lateral_shift: float
    axial_shift: float
    slope: float
    out_of_plane: float
    knobs: Knobs

    @property
    def visibility(self) -> float:
        """How well the plexus is seen, in [0, 1]; it counts as truly present above 1/2."""
        return 1 / (1 + exp(-max(min(self.logit, 30.0), -30.0)))


def draw_location(rng: np.random.Generator) -> Location:
    """One subject's location and prevalence, after the measured spread between subjects."""
    return Location(
        row=float(np.clip(exp(rng.normal(log(143), 0.225)), 82, 310)),
        column=float(np.clip(rng.normal(335, 14), 265, 395)),
        tilt=float(rng.normal(-20.6, 13)) * pi / 180,
        log_major=float(rng.normal(log(65.5), 0.08)),
        log_minor=float(rng.normal(log(33.3), 0.045)),
        prevalence=float(np.clip(rng.beta(1.48, 2.11), 0.015, 0.97)),
    )


def draw_poses(
    rng: np.random.Generator, location: Location, *, count: int, spread: Spread | None = None
) -> list[Pose]:
    """`count` poses in the order of the sweep, spread evenly over it where they are few."""
    steps = max(VIDEO_STEPS, count)
    latents = _wander(rng, steps)
    phases = _sweep(rng, steps, passes=min(max(count // 30, 1), int(rng.integers(2, 5))))
    chosen = ((np.arange(count) + rng.random(count)) * (steps / count)).astype(int)
    logits = (visibility_border(location.prevalence) - phases) / VISIBILITY_WIDTH
    return [
        _pose(step, latents[step].tolist(), float(logits[step]), location, spread or Spread())
        for step in chosen.tolist()
    ]


def visibility_border(prevalence: float) -> float:
    """Share of the sweep up to which the plexus is seen, so that `prevalence` frames get a mask.

    Label noise pulls few and many towards half; the border makes up for it and may leave [0, 1].
    """
    borders, prevalences = _border_table()
    return float(np.interp(prevalence, prevalences, borders))


@cache
def _border_table() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    noise = VISIBILITY_WIDTH * MEASURED_LABEL_NOISE
    borders = np.linspace(-0.5, 1.5, 401)
    phases = (np.arange(200) + 0.5) / 200
    odds = np.vectorize(erf)((borders[:, None] - phases) / (noise * sqrt(2)))
    return borders, (0.5 + 0.5 * odds).mean(axis=1)


def _wander(rng: np.random.Generator, steps: int) -> NDArray[np.float64]:
    noise = rng.standard_normal((steps, 14))
    noise[1:] *= sqrt(1 - POSE_MEMORY**2)
    for step in range(1, steps):
        noise[step] += POSE_MEMORY * noise[step - 1]
    return noise


def _sweep(rng: np.random.Generator, steps: int, *, passes: int) -> NDArray[np.float64]:
    """Phases [steps] in [0, 1]: `passes` one-way passes to and fro at a wavering speed."""
    speed = np.maximum(1 + rng.normal(0, 0.5, steps), 0.05)
    way = passes * (np.cumsum(speed) - 0.5 * speed) / speed.sum() + int(rng.integers(2))
    return np.asarray(np.abs((way + 1) % 2 - 1))


def _pose(step: int, latent: list[float], logit: float, location: Location, spread: Spread) -> Pose:
    lateral, axial, turn, long, short, lift, plane, own_row, *knobs = latent
    major = exp(location.log_major + spread.log_major * long)
    minor = min(exp(location.log_minor + spread.log_minor * short), 0.9 * major)
    tilt = location.tilt + spread.tilt * turn
    rise = spread.row * (0.8 * axial + 0.6 * own_row)
    tall = 1.1 * hypot(major * cos(tilt), minor * sin(tilt)) + 8
    wide = 1.1 * hypot(major * sin(tilt), minor * cos(tilt)) + 8
    return Pose(
        step=step,
        row=min(max(location.row + rise, tall), HEIGHT - tall),
        column=min(max(location.column + spread.column * lateral, wide), WIDTH - wide),
        tilt=tilt,
        major=major,
        minor=minor,
        logit=logit,
        lateral_shift=spread.tissue_lateral * lateral,
        axial_shift=spread.tissue_lift * lift + 0.5 * rise,
        slope=0.05 * turn,
        out_of_plane=spread.out_of_plane * plane,
        knobs=Knobs(*knobs),
    )
