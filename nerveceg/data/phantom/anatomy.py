"""One subject's neck: layer depths, fasciae, fascicles, vessels, bone and look-alikes."""

from dataclasses import dataclass
from math import pi

import numpy as np

from nerveceg.data.phantom.grid import WIDTH
from nerveceg.data.phantom.sweep import Location


@dataclass(frozen=True, kw_only=True)
class Fascia:
    """A bright sheet: depth and thickness (sd) in pixels, height in dB, slope in rows a column.

    `broken` in [0, 1] says how far slow lateral noise may wipe it out.
    """

    depth: float
    height_db: float
    thickness: float
    slope: float
    broken: float


@dataclass(frozen=True, kw_only=True)
class Fascicle:
    """A dark fascicle with a bright rim, in the frame of the plexus ellipse.

    `along` and `aside` are shares of the half-axes, `radius` of the minor one, `weight` scales
    core and rim, and `lit_from` (radians) is the side on which the rim shines.
    """

    along: float
    aside: float
    radius: float
    weight: float
    lit_from: float


@dataclass(frozen=True, kw_only=True)
class Plexus:
    """The fascicles and, in dB, how bright the tissue around them and how dark their cores are.

    `groove` is the share of the tissue's brightness that stays when no nerve is seen,
    `outline_db` the brightness of a sheath around the whole, and `bend` the share of the tissue's
    warp that the nerve takes part in.
    """

    fascicles: tuple[Fascicle, ...]
    connective_db: float
    rim_db: float
    core_db: float
    groove: float = 0.5
    outline_db: float = 0.0
    bend: float = 0.8


@dataclass(frozen=True, kw_only=True)
class Spot:
    """A look-alike: a dark spot with one bright side; pixels and dB.

    It is seen while the probe's plane is near `plane`, a distance in pixels.
    """

    row: float
    column: float
    radius: float
    core_db: float
    rim_db: float
    plane: float


@dataclass(frozen=True, kw_only=True)
class Vessel:
    """An echo-free ellipse with a bright wall and an enhanced band below; pixels."""

    row: float
    column: float
    half_width: float
    half_height: float


@dataclass(frozen=True, kw_only=True)
class Bone:
    """A bright cap that throws a shadow; pixels."""

    row: float
    column: float
    width: float


@dataclass(frozen=True, kw_only=True)
class Anatomy:
    """Depths in pixels and brightness in dB of one subject's tissues."""

    fat_depth: float
    muscle_depth: float
    deep_depth: float
    superficial_db: float
    scalene_db: float
    deep_db: float
    streaks_db: float
    fasciae: tuple[Fascia, ...]
    plexus: Plexus
    spots: tuple[Spot, ...]
    vessels: tuple[Vessel, ...]
    bone: Bone | None


def draw_anatomy(rng: np.random.Generator, location: Location) -> Anatomy:
    """A neck around the plexus at `location`; nothing in it depends on the prevalence."""
    fat_depth = _between(rng, 18, 40)
    muscle_depth = max(location.row - _between(rng, 40, 62), fat_depth + 12)
    deep_depth = location.row + _between(rng, 70, 140)
    return Anatomy(
        fat_depth=fat_depth,
        muscle_depth=muscle_depth,
        deep_depth=deep_depth,
        superficial_db=float(rng.normal(-5.0, 1.2)),
        scalene_db=float(rng.normal(-10.6, 1.2)),
        deep_db=float(rng.normal(-10.3, 1.5)),
        streaks_db=_between(rng, 11, 15),
        fasciae=_draw_fasciae(rng, fat_depth, muscle_depth, deep_depth),
        plexus=_draw_plexus(rng),
        spots=_draw_spots(rng, location),
        vessels=_draw_vessels(rng, location),
        bone=_draw_bone(rng, location) if rng.random() < 0.6 else None,
    )


def _between(rng: np.random.Generator, low: float, high: float) -> float:
    return float(rng.uniform(low, high))


def _draw_fasciae(
    rng: np.random.Generator, fat_depth: float, muscle_depth: float, deep_depth: float
) -> tuple[Fascia, ...]:
    named = (
        _fascia(rng, depth=fat_depth, height=(9, 14), thickness=(1.0, 1.7), slope=0.0, broken=0.5),
        _fascia(
            rng, depth=muscle_depth, height=(13, 19), thickness=(1.4, 2.4), slope=0.06, broken=0.5
        ),
        _fascia(
            rng,
            depth=muscle_depth + _between(rng, 10, 22),
            height=(10, 15),
            thickness=(1.1, 2.0),
            slope=0.12,
            broken=1.0,
        ),
        _fascia(
            rng, depth=deep_depth, height=(9, 14), thickness=(1.4, 2.4), slope=0.08, broken=1.0
        ),
    )
    stray = tuple(
        _fascia(
            rng,
            depth=_between(rng, 30, 410),
            height=(9, 15),
            thickness=(0.9, 1.8),
            slope=0.18,
            broken=1.0,
        )
        for _ in range(int(rng.integers(3, 8)))
    )
    return named + stray


def _fascia(
    rng: np.random.Generator,
    *,
    depth: float,
    height: tuple[float, float],
    thickness: tuple[float, float],
    slope: float,
    broken: float,
) -> Fascia:
    return Fascia(
        depth=depth,
        height_db=_between(rng, *height),
        thickness=_between(rng, *thickness),
        slope=float(rng.normal(0, slope)),
        broken=broken,
    )


def _draw_plexus(rng: np.random.Generator) -> Plexus:
    count = int(rng.integers(2, 6))
    fascicles = tuple(
        Fascicle(
            along=-0.6 + 1.2 * place / (count - 1) + float(rng.normal(0, 0.05)),
            aside=float(rng.normal(0, 0.25)),
            radius=_between(rng, 0.36, 0.68),
            weight=_between(rng, 0.7, 1.2),
            lit_from=_between(rng, 0, 2 * pi),
        )
        for place in range(count)
    )
    return Plexus(
        fascicles=fascicles,
        connective_db=_between(rng, 7.0, 11.0),
        rim_db=_between(rng, 7.5, 12),
        core_db=_between(rng, -16, -9),
    )


def _draw_spots(rng: np.random.Generator, location: Location) -> tuple[Spot, ...]:
    return tuple(
        Spot(
            row=location.row + float(rng.normal(10, 45)),
            column=location.column + float(rng.choice([-1, 1])) * _between(rng, 80, 230),
            radius=_between(rng, 9, 20),
            core_db=_between(rng, -11, -4),
            rim_db=_between(rng, 3, 10),
            plane=float(rng.normal(0, 14)),
        )
        for _ in range(int(rng.poisson(4)))
    )


def _draw_vessels(rng: np.random.Generator, location: Location) -> tuple[Vessel, ...]:
    return tuple(
        Vessel(
            row=location.row + _between(rng, 70, 160),
            column=_between(rng, 0.02, 0.4) * WIDTH,
            half_width=_between(rng, 18, 44),
            half_height=_between(rng, 13, 30),
        )
        for _ in range(int(rng.integers(0, 3)))
    )


def _draw_bone(rng: np.random.Generator, location: Location) -> Bone:
    return Bone(
        row=location.row + _between(rng, 120, 220),
        column=_between(rng, 0.1, 0.9) * WIDTH,
        width=_between(rng, 60, 170),
    )
