"""A subject's persistent textures and tissue warp, and how one pose looks them up."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nerveceg.data.phantom.grid import (
    COLUMNS,
    DEPTH,
    HEIGHT,
    LATERAL,
    LATERAL_STEP,
    WIDTH,
    Array,
    smooth_curve,
    smooth_field,
)
from nerveceg.data.phantom.sweep import Pose

_ROOM_ABOVE = 60
_ROOM_ASIDE = 20
_SHAPE = (HEIGHT + 2 * _ROOM_ABOVE, COLUMNS + 2 * _ROOM_ASIDE)


@dataclass(frozen=True, kw_only=True)
class Textures:
    """Fields of one subject: warps in pixels [HEIGHT, COLUMNS], the others of unit sd [_SHAPE]."""

    axial_warp: Array
    lateral_warp: Array
    fibres: Array
    layers: Array
    blotches: Array
    breaks: Array


class View(NamedTuple):
    """What one pose sees: tissue coordinates in pixels and textures, all [HEIGHT, COLUMNS]."""

    depth: Array
    lateral: Array
    fibres: Array
    layers: Array
    blotches: Array
    breaks: Array


def draw_textures(rng: np.random.Generator, *, scale: float = 1.0) -> Textures:
    """Textures of one subject: warp sd 4-11 px, muscle fibres, layered streaks and blotches.

    scale: of their grain, against that at Kaggle's depth setting.
    """

    def texture(axial: float, lateral: float) -> Array:
        return smooth_field(rng, axial=scale * axial, lateral=scale * lateral, shape=_SHAPE)

    bend = smooth_field(rng, axial=22, lateral=8) * np.float32(rng.uniform(4, 8))
    return Textures(
        axial_warp=bend + np.float32(8) * smooth_curve(rng, lateral=24),
        lateral_warp=smooth_field(rng, axial=20, lateral=8) * np.float32(rng.uniform(6, 11)),
        fibres=texture(1.4, rng.uniform(1.5, 3)),
        layers=texture(1.6, rng.uniform(2, 3.5)),
        blotches=texture(22, 9),
        breaks=texture(rng.uniform(8, 16), 3.5),
    )


def look_up(textures: Textures, pose: Pose) -> View:
    """Tissue coordinates and textures under the probe at `pose`."""
    lift = np.float32(pose.axial_shift) + np.float32(pose.slope) * (LATERAL - WIDTH / 2)
    depth = DEPTH - lift + textures.axial_warp
    lateral = LATERAL - np.float32(pose.lateral_shift) + textures.lateral_warp
    place = _places(depth, pose)
    return View(
        depth=depth,
        lateral=lateral,
        fibres=textures.fibres.take(place),
        layers=textures.layers.take(place),
        blotches=textures.blotches.take(place),
        breaks=textures.breaks.take(place),
    )


def _places(depth: Array, pose: Pose) -> NDArray[np.intp]:
    shift = round((pose.out_of_plane - pose.lateral_shift) / LATERAL_STEP)
    shift = min(max(shift, -_ROOM_ASIDE), _ROOM_ASIDE)
    rows = np.rint(depth + np.float32(_ROOM_ABOVE)).clip(0, _SHAPE[0] - 1).astype(np.intp)
    rows *= _SHAPE[1]
    rows += np.arange(COLUMNS) + _ROOM_ASIDE + shift
    return np.asarray(rows)
