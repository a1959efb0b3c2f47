"""Tissue of one frame in decibels: diffuse echoes, specular sheets and gain along depth."""

from dataclasses import dataclass
from math import exp

import numpy as np

from nerveceg.data.phantom.anatomy import Anatomy, Bone, Fascia, Spot, Vessel
from nerveceg.data.phantom.grid import COLUMNS, HEIGHT, LATERAL, WIDTH, Array, bump, sigmoid
from nerveceg.data.phantom.texture import View


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Decibel maps [HEIGHT, COLUMNS] that are drawn into: scattered, mirrored (0 = none), gain."""

    diffuse: Array
    specular: Array
    gain: Array


def draw_tissue(anatomy: Anatomy, view: View, *, plane: float) -> Scene:
    """The neck without its plexus: layers, streaks, fasciae, look-alikes, vessels and bone.

    `plane` is how far the probe has left the middle plane, in pixels.
    """
    scene = Scene(
        diffuse=_layered_echo(anatomy, view),
        specular=_streaks(anatomy, view),
        gain=np.zeros((HEIGHT, COLUMNS), np.float32),
    )
    breaks = view.breaks, np.roll(view.breaks, COLUMNS // 2, axis=1)
    for place, fascia in enumerate(anatomy.fasciae):
        _add_fascia(scene, fascia, view, breaks[place % 2])
    for spot in anatomy.spots:
        _add_spot(scene, spot, view, plane=plane)
    for vessel in anatomy.vessels:
        _add_vessel(scene, vessel, view)
    if anatomy.bone:
        _add_bone(scene, anatomy.bone, view)
    return scene


def _layered_echo(anatomy: Anatomy, view: View) -> Array:
    """Fat above, then superficial muscle, scalenes and deep tissue, each with its own texture."""
    fibres, layers, blotches = view.fibres, view.layers, view.blotches
    echo = np.float32(0.8) * layers + np.float32(2.6) * blotches - np.float32(1)
    below_fat = anatomy.superficial_db + 1 - 0.4 * layers + 0.5 * fibres
    echo += sigmoid((view.depth - anatomy.fat_depth) * 0.7) * below_fat
    below_muscle = anatomy.scalene_db - anatomy.superficial_db + 1.5 * blotches
    echo += sigmoid((view.depth - anatomy.muscle_depth) * 0.2) * below_muscle
    below_all = anatomy.deep_db - anatomy.scalene_db
    echo += sigmoid((view.depth - anatomy.deep_depth) * 0.1) * below_all
    return echo


def _streaks(anatomy: Anatomy, view: View) -> Array:
    """Short bright septa between muscle fibres: the crests of the layered texture."""
    height = view.layers + np.float32(0.5) * view.fibres + np.float32(1.05) * view.blotches
    crest = np.clip(height - np.float32(1.9), 0, np.float32(1.5))
    return np.asarray(np.float32(anatomy.streaks_db) * crest)


def _add_fascia(scene: Scene, fascia: Fascia, view: View, breaks: Array) -> None:
    tilted = np.float32(fascia.slope) * (LATERAL - WIDTH / 2)
    offset = view.depth - tilted - np.float32(fascia.depth)
    rows = slice(*_rows_near(offset, 4 * fascia.thickness))
    whole = np.float32(1) - np.float32(fascia.broken)
    strength = whole + np.clip(breaks[rows], -1, 1.5) * np.float32(0.4 + 0.6 * fascia.broken)
    sheet = fascia.height_db * strength * bump(offset[rows] / np.float32(fascia.thickness))
    np.maximum(scene.specular[rows], sheet, out=scene.specular[rows])


def _rows_near(offset: Array, reach: float) -> tuple[int, int]:
    near = np.flatnonzero((np.abs(offset) < reach).any(axis=1))
    return (int(near[0]), int(near[-1]) + 1) if near.size else (HEIGHT, HEIGHT)


def _add_spot(scene: Scene, spot: Spot, view: View, *, plane: float) -> None:
    seen = exp(-0.5 * ((plane - spot.plane) / 12) ** 2)
    if seen < 0.05:
        return
    rows = slice(*_rows_near(view.depth - spot.row, spot.radius + 14))
    depth, lateral = view.depth[rows] - spot.row, (view.lateral[rows] - spot.column) * 0.8
    distance = np.sqrt(depth * depth + lateral * lateral)
    scene.diffuse[rows] += seen * spot.core_db * sigmoid((spot.radius - distance) / 2)
    rim = seen * spot.rim_db * bump((distance - spot.radius - 2) / 2.6) * sigmoid(depth * -0.3)
    np.maximum(scene.specular[rows], rim, out=scene.specular[rows])


def _add_vessel(scene: Scene, vessel: Vessel, view: View) -> None:
    top = _rows_near(view.depth - vessel.row, 1.5 * vessel.half_height)[0]
    diffuse, specular, gain = scene.diffuse[top:], scene.specular[top:], scene.gain[top:]
    depth = (view.depth[top:] - vessel.row) / vessel.half_height
    lateral = (view.lateral[top:] - vessel.column) / vessel.half_width
    distance = np.sqrt(depth * depth + lateral * lateral)
    lumen = sigmoid((1 - distance) * 10)
    diffuse += (-17 - np.float32(0.6) * diffuse) * lumen
    specular *= 1 - lumen
    wall = 8 * bump((distance - 1.08) / 0.09) * np.abs(depth) / (distance + 0.05)
    np.maximum(specular, wall, out=specular)
    gain += 3.5 * bump(lateral / 0.7) * sigmoid((depth - 1) * (vessel.half_height / 6))


def _add_bone(scene: Scene, bone: Bone, view: View) -> None:
    top = _rows_near(view.depth - bone.row, 20)[0]
    specular, gain = scene.specular[top:], scene.gain[top:]
    lateral = view.lateral[top:] - np.float32(bone.column)
    curve = np.float32(0.096 / bone.width) * (lateral * lateral)
    depth = view.depth[top:] - np.float32(bone.row) - curve
    reach = lateral / np.float32(bone.width / 2)
    extent: Array = bump(reach * reach)
    np.maximum(specular, np.float32(16) * extent * bump(depth / np.float32(3)), out=specular)
    gain -= np.float32(9) * extent * sigmoid((depth - np.float32(6)) / np.float32(4))
