"""Scatterers to echo amplitude: point-spread function, attenuation, compounding, mirror echoes."""

from dataclasses import dataclass
from functools import lru_cache
from math import log

import numpy as np

from nerveceg.data.phantom.grid import COLUMNS, DEPTH, HEIGHT, LATERAL, WIDTH, Array, bump
from nerveceg.data.phantom.sweep import Knobs
from nerveceg.data.phantom.tissue import Scene

SCATTERER_MEMORY = 0.9
AXIAL_REACH, LATERAL_REACH = 4, 3
_SHAPE = (2, HEIGHT + 2 * AXIAL_REACH, COLUMNS + 2 * LATERAL_REACH)
_PER_DECIBEL = np.float32(log(10) / 20)


@dataclass(frozen=True, kw_only=True)
class Beam:
    """How the probe hears: sds of the point-spread function in rows and coarse columns, looks.

    `attenuation` is what the depth gain leaves uncorrected, in dB a pixel below row `focus`, and
    `focal_gain` the gain there in dB, which falls off around it with an sd of `focal_depth` rows;
    `drift` (dB from edge to edge) and `slider` (dB) are what a unit of the knobs' drift and of a
    depth slider does.
    """

    axial: float
    lateral: float
    looks: int
    attenuation: float
    focus: float = 100.0
    focal_gain: float = 3.8
    focal_depth: float = 55.0
    drift: float = 1.5
    slider: float = 1.5
    mirrored_scatter: float = 0.8
    mirrored_coherent: float = 0.4


def draw_beam(rng: np.random.Generator) -> Beam:
    """One subject's beam, within the settings that a scanner of this kind shows."""
    return Beam(
        axial=float(rng.uniform(1.25, 1.6)),
        lateral=float(rng.uniform(1.25, 1.65)),
        looks=3,
        attenuation=float(rng.uniform(-0.002, 0.006)),
    )


class Scatterers:
    """Complex random scatterers of one subject, [looks, 2, rows, columns], that decorrelate.

    Signed bytes stand for normal numbers: some twenty of them meet in each resolution cell, so
    the field is Gaussian all the same (central limit), at a tenth of the cost.
    """

    def __init__(self, rng: np.random.Generator, *, looks: int):
        self._rng = rng
        self.field = self._fresh((looks, *_SHAPE))

    def advance(self, steps: int) -> None:
        """Move on by video steps: n <- .9 n + .436 eps for each."""
        memory = SCATTERER_MEMORY**steps
        fresh = self._fresh(self.field.shape)
        if memory < 0.02:
            self.field = fresh
            return
        self.field *= np.float32(memory)
        fresh *= np.float32((1 - memory**2) ** 0.5)
        self.field += fresh

    def _fresh(self, shape: tuple[int, ...]) -> Array:
        size = int(np.prod(shape))
        field = np.frombuffer(self._rng.bytes(size), np.int8).astype(np.float32)
        field += np.float32(0.5)
        field /= np.float32(((256**2 - 1) / 12) ** 0.5)
        return field.reshape(shape)


def echo_amplitude(scene: Scene, scatterers: Array, beam: Beam, *, knobs: Knobs) -> Array:
    """Envelope [HEIGHT, COLUMNS] of a scene: mean over looks, with the coherent part added."""
    drift = np.float32(beam.drift * knobs.drift / WIDTH) * (LATERAL - WIDTH / 2)
    gain_db = depth_gain(beam) + _sliders(beam, knobs) + drift
    received = np.exp(_PER_DECIBEL * (scene.gain + gain_db))
    mirrored = np.expm1(_PER_DECIBEL * np.maximum(scene.specular, 0)) * received
    scattered = np.exp(_PER_DECIBEL * scene.diffuse) * received
    scattered += np.float32(beam.mirrored_scatter) * mirrored
    envelope = compound(scatterers, scattered, beam)
    glint = _kernel(1.0, AXIAL_REACH, unit="sum"), _kernel(1.0, LATERAL_REACH, unit="sum")
    coherent = _smooth(_padded(mirrored), *glint)
    coherent *= np.float32(beam.mirrored_coherent)
    return np.asarray(np.sqrt(envelope * envelope + coherent * coherent))


def depth_gain(beam: Beam) -> Array:
    """Gain along depth, dB [HEIGHT, 1]: the focal zone, and attenuation left uncorrected below."""
    below = DEPTH - np.float32(beam.focus)
    zone = np.float32(beam.focal_gain) * bump(below / np.float32(beam.focal_depth))
    return np.asarray(zone - np.float32(beam.attenuation) * np.maximum(below, 0))


def _sliders(beam: Beam, knobs: Knobs) -> Array:
    """What the depth gain's sliders add, dB [HEIGHT, 1]."""
    places = ((50, knobs.shallow), (150, knobs.middle), (270, knobs.deep))
    zones = [np.float32(knob) * bump((DEPTH - row) / np.float32(55)) for row, knob in places]
    return np.asarray(np.float32(beam.slider) * (zones[0] + zones[1] + zones[2]))


def compound(scatterers: Array, amplitude: Array, beam: Beam) -> Array:
    """Mean over looks of the envelope of scatterers weighted by `amplitude` [HEIGHT, COLUMNS].

    One look of uniform amplitude 1 is Rayleigh with E[envelope^2] = 2.
    """
    weights = _padded(amplitude)
    total = np.zeros((HEIGHT, COLUMNS), np.float32)
    for real, imaginary in scatterers:
        power = _heard(real * weights, beam) ** 2
        power += _heard(imaginary * weights, beam) ** 2
        total += np.sqrt(power)
    total /= np.float32(len(scatterers))
    return total


def _heard(field: Array, beam: Beam) -> Array:
    axial = _kernel(beam.axial, AXIAL_REACH, unit="power")
    return _smooth(field, axial, _kernel(beam.lateral, LATERAL_REACH, unit="power"))


def _smooth(field: Array, axial: Array, lateral: Array) -> Array:
    """Separable filter of a padded field by two half kernels: [HEIGHT, COLUMNS], margins gone.

    Both passes run over the flat array, four times faster than over its rows; what wraps from
    one row into the next lands in the lateral margin, which is cut off.
    """
    width = field.shape[1]
    flat = _weighted_sum(field.ravel(), axial, stride=width)
    smooth = np.empty((HEIGHT, width), np.float32)
    within = _weighted_sum(flat, lateral, stride=1)
    smooth.ravel()[: within.size] = within
    return smooth[:, :COLUMNS]


def _padded(amplitude: Array) -> Array:
    margins = ((AXIAL_REACH, AXIAL_REACH), (LATERAL_REACH, LATERAL_REACH))
    return np.asarray(np.pad(amplitude, margins, mode="edge"))


@lru_cache(maxsize=64)
def _kernel(sd: float, reach: int, unit: str) -> Array:
    """Half of a symmetric Gaussian kernel, centre first; its sum or its power is one."""
    half = np.exp(-0.5 * (np.arange(reach + 1) / sd) ** 2)
    if unit == "power":
        half /= (2 * (half**2).sum() - half[0] ** 2) ** 0.5
    else:
        half /= 2 * half.sum() - half[0]
    kernel: Array = half.astype(np.float32)
    return kernel


def _weighted_sum(values: Array, kernel: Array, *, stride: int) -> Array:
    """Weighted sum of each value and its neighbours `stride` apart, where all of them exist."""
    reach = (len(kernel) - 1) * stride
    length = values.size - 2 * reach
    total: Array = values[reach : reach + length] * kernel[0]
    pair = np.empty_like(total)
    for offset, weight in enumerate(kernel[1:], start=1):
        before, after = reach - offset * stride, reach + offset * stride
        np.add(values[before : before + length], values[after : after + length], out=pair)
        np.multiply(pair, weight, out=pair)
        np.add(total, pair, out=total)
    return total
