"""The brachial plexus drawn into a scene: bright connective tissue, dark fascicles, lit rims."""

from math import cos, sin
from typing import NamedTuple

import numpy as np

from nerveceg.data.phantom.anatomy import Fascicle, Plexus
from nerveceg.data.phantom.grid import (
    DEPTH,
    HEIGHT,
    LATERAL,
    Array,
    bump,
    coarse_column,
    sigmoid,
)
from nerveceg.data.phantom.sweep import Pose
from nerveceg.data.phantom.texture import Textures, View
from nerveceg.data.phantom.tissue import Scene


class _Window(NamedTuple):
    """Part of the frame around the plexus, and pixel offsets there from its centre."""

    part: tuple[slice, slice]
    below: Array
    aside: Array


def draw_plexus(
    scene: Scene, plexus: Plexus, pose: Pose, *, textures: Textures, view: View
) -> None:
    """Draw the plexus at `pose` into `scene`, as strongly as it is visible."""
    window = _window(pose, textures, bend=plexus.bend)
    if not window.below.size:
        return
    part, visible = window.part, np.float32(pose.visibility)
    core, rim = _fascicles(window, plexus, pose)
    radius = _radius(window, pose)
    inside = sigmoid((1 - radius) * 8)
    layers, diffuse = view.layers[part], scene.diffuse[part]
    bright = plexus.connective_db + 5 * np.clip(layers, -2, 2) - 0.35 * (diffuse + 8)
    groove = np.float32(plexus.groove) + np.float32(1 - plexus.groove) * visible
    diffuse += groove * inside * bright * np.maximum(1 + visible * core / 10, 0) + visible * core
    specular = scene.specular[part]
    # Septa give way to the plexus: else its rims would show in the frame's overall contrast.
    specular *= 1 - np.float32(0.95) * visible * inside
    lit = visible * rim * np.clip(1 + np.float32(0.5) * layers, 0.2, 2)
    np.maximum(specular, lit, out=specular)
    if plexus.outline_db:
        sheath = visible * np.float32(plexus.outline_db) * bump((radius - 1) * 12)
        np.maximum(specular, sheath, out=specular)


def _window(pose: Pose, textures: Textures, *, bend: float) -> _Window:
    reach = 1.35 * pose.major + 8
    top, bottom = max(int(pose.row - reach), 0), min(int(pose.row + reach), HEIGHT)
    left, right = coarse_column(pose.column - reach), coarse_column(pose.column + reach) + 1
    part = (slice(top, max(bottom, top)), slice(left, right))
    # The plexus bends with the tissue around it but stays where its mask is.
    centre = (min(max(round(pose.row), 0), HEIGHT - 1), coarse_column(pose.column))
    sag = textures.axial_warp[part] - textures.axial_warp[centre]
    stretch = textures.lateral_warp[part] - textures.lateral_warp[centre]
    below = DEPTH[part[0]] - np.float32(pose.row) + np.float32(bend) * sag
    aside = LATERAL[:, part[1]] - np.float32(pose.column) + np.float32(0.875 * bend) * stretch
    return _Window(part, below, aside)


def _radius(window: _Window, pose: Pose) -> Array:
    """Distance from the centre in half-axes: 1 on the contour of the ellipse."""
    down, right = np.float32(cos(pose.tilt)), np.float32(sin(pose.tilt))
    along = (window.below * down + window.aside * right) / np.float32(pose.major)
    across = (window.aside * down - window.below * right) / np.float32(pose.minor)
    return np.hypot(along, across)


def _fascicles(window: _Window, plexus: Plexus, pose: Pose) -> tuple[Array, Array]:
    """Darkening of all cores (dB, <= 0) and brightness of all rims (dB, >= 0) in the window."""
    core, rim = np.zeros_like(window.below), np.zeros_like(window.below)
    for fascicle in plexus.fascicles:
        dark, lit = _fascicle(window, fascicle, pose)
        np.minimum(core, np.float32(plexus.core_db) * dark, out=core)
        np.maximum(rim, np.float32(plexus.rim_db) * lit, out=rim)
    return core, rim


def _fascicle(window: _Window, fascicle: Fascicle, pose: Pose) -> tuple[Array, Array]:
    down, right = cos(pose.tilt), sin(pose.tilt)
    along, aside = fascicle.along * pose.major, fascicle.aside * pose.minor
    below = window.below - np.float32(along * down - aside * right)
    across = (window.aside - np.float32(along * right + aside * down)) * np.float32(0.92)
    distance = np.hypot(below, across) + np.float32(1e-3)
    # A rim mirrors where it faces the probe, and one side shines more than the other.
    facing = np.maximum(np.abs(below) / distance, np.float32(0.3))
    side = below * np.float32(cos(fascicle.lit_from)) + across * np.float32(sin(fascicle.lit_from))
    facing *= np.float32(0.75) + np.float32(0.5) * side / distance
    radius = fascicle.radius * pose.minor
    dark = np.float32(fascicle.weight) * sigmoid((radius - distance) / 1.6)
    return dark, fascicle.weight * facing * bump((distance - radius - 2.5) / 3)
