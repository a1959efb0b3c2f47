"""How far made-up people leave the look of Kaggle's scanner and its interscalene groove."""

from dataclasses import dataclass, replace
from math import exp, log, pi

import numpy as np

from nerveceg.data.phantom.display import Screen
from nerveceg.data.phantom.grid import HEIGHT, WIDTH
from nerveceg.data.phantom.physics import Beam
from nerveceg.data.phantom.sweep import Location, Spread
from nerveceg.errors import NerveCegError

Range = tuple[float, float]

NERVES: dict[str, tuple[float, float, float]] = {
    # half-axes in pixels of the unscaled frame, .069 mm each, and how far the nerve lies flat
    "median": (50.0, 29.0, 1.0),
    "ulnar": (37.0, 28.0, 0.5),
    "sciatic": (105.0, 55.0, 0.9),
    "femoral": (96.0, 28.0, 1.0),
}


@dataclass(frozen=True, kw_only=True)
class Variety:
    """What is drawn anew for each person; a pair is a range to draw from evenly.

    Domain randomisation: Tobin et al., IROS 2017.

    scale: of everything anatomical, on a logarithmic scale: depth setting and size of the person.
    magnified: how far the scanner blows its picture up: speckle grows with it.
    speckle: of the beam's width, a factor. looks: frames averaged by spatial compounding.
    attenuation: dB a pixel that the depth gain leaves. focus: row of the focal zone.
    dynamic_range: dB from black to white. gain: dB. noise: grey levels.
    matched: share of Kaggle's own tone curve; the rest is linear in decibels.
    furniture: share of people whose frames have Kaggle's bright top rows and marker.
    curved: share whose probe is a curved array or opens its picture to the sides.
    lost_contact: share whose probe lies off the skin on one side.
    honeycomb: share with a single bright nerve (`NERVES`) in place of the plexus.
    anywhere: the nerve lies in any place, whatever lies around it.
    speckled: False leaves the tissue smooth, under white noise: a picture without its physics.
    """

    scale: Range = (0.65, 1.5)
    magnified: Range = (1.0, 1.5)
    speckle: Range = (0.75, 1.1)
    looks: Range = (1, 6)
    attenuation: Range = (-0.004, 0.016)
    focus: Range = (60, 300)
    dynamic_range: Range = (34, 70)
    gain: Range = (-14, 5)
    noise: Range = (0, 5)
    matched: Range = (0, 1)
    furniture: float = 0.4
    curved: float = 0.3
    lost_contact: float = 0.15
    honeycomb: float = 0.4
    anywhere: bool = False
    speckled: bool = True

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if isinstance(value, list | tuple):
                _require_range(name, value)
                object.__setattr__(self, name, tuple(value))
            elif not 0 <= value <= 1:
                raise NerveCegError(f"variety.{name}={value}: a share from 0 to 1 is wanted")

    def draw_nerve(self, rng: np.random.Generator) -> str:
        """Which nerve a person's frames show: "plexus", or one of `NERVES`."""
        honeycomb = rng.random() < self.honeycomb
        return str(rng.choice([*NERVES])) if honeycomb else "plexus"

    def draw_scale(self, rng: np.random.Generator) -> float:
        """Size of a person's anatomy in frames, against Kaggle's."""
        low, high = self.scale
        return exp(rng.uniform(log(low), log(high)))

    def move(self, location: Location, rng: np.random.Generator, *, nerve: str) -> Location:
        """The location of another nerve, or of the plexus under other hands; unscaled pixels."""
        row, column = exp(rng.normal(log(150), 0.3)), rng.normal(WIDTH / 2 + 20, 60)
        if self.anywhere:
            row, column = rng.uniform(0, HEIGHT), rng.uniform(0, WIDTH)
        moved = replace(location, row=float(row), column=float(column))
        if nerve == "plexus":
            return replace(moved, tilt=location.tilt * float(rng.choice([-1, 1])))
        major, minor, flat = NERVES[nerve]
        return replace(
            moved,
            tilt=float(pi / 2 * flat + rng.normal(0, 0.25)),
            log_major=log(major) + float(rng.normal(0, 0.12)),
            log_minor=log(minor) + float(rng.normal(0, 0.12)),
        )

    def draw_beam(self, rng: np.random.Generator) -> Beam:
        """A probe's beam."""
        width = rng.uniform(*self.speckle)
        return Beam(
            axial=float(1.45 * width * rng.uniform(0.9, 1.1)),
            lateral=float(1.45 * width * rng.uniform(0.9, 1.1)),
            looks=int(rng.integers(int(self.looks[0]), int(self.looks[1]) + 1)),
            attenuation=float(rng.uniform(*self.attenuation)),
            focus=float(rng.uniform(*self.focus)),
            focal_gain=float(rng.uniform(0, 6)),
            focal_depth=float(rng.uniform(40, 120)),
        )

    def draw_screen(self, rng: np.random.Generator) -> Screen:
        """A scanner's display settings."""
        noise = float(rng.uniform(*self.noise))
        return Screen(
            dynamic_range=float(rng.uniform(*self.dynamic_range)),
            gain=float(rng.uniform(*self.gain)),
            matched=float(rng.uniform(*self.matched)),
            axial_blur=float(rng.uniform(0.5, 1.3)),
            noise=noise if self.speckled else 8 + 2 * noise,
            furnished=bool(rng.random() < self.furniture),
        )


def scaled_spread(scale: float) -> Spread:
    """How poses spread within a person whose anatomy is drawn at that scale."""
    plain = Spread()
    return replace(
        plain,
        **{
            name: scale * getattr(plain, name)
            for name in ("row", "column", "tissue_lateral", "tissue_lift", "out_of_plane")
        },
    )


def _require_range(name: str, value: list[float] | tuple[float, ...]) -> None:
    if len(value) != 2 or value[0] > value[1]:
        raise NerveCegError(f"variety.{name}={list(value)}: [least, most] is wanted")
