"""Scatterers to echo amplitude: point-spread function, attenuation, compounding, mirror echoes."""

from dataclasses import dataclass
from functools import lru_cache
from math import log

import numpy as np

from nerveceg.data.phantom.grid import COLUMNS, DEPTH, HEIGHT, LATERAL, WIDTH, Array, bump
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
    `drift` tilts the gain across the frame, in dB from edge to edge a unit of the pose's gain.
    """

    axial: float
    lateral: float
    looks: int
    attenuation: float
    focus: float = 100.0
    focal_gain: float = 3.5
    focal_depth: float = 55.0
    drift: float = 1.5
    mirrored_scatter: float = 0.8
    mirrored_coherent: float = 0.4


def draw_beam(rng: np.random.Generator) -> Beam:
    """One subject's beam, within the settings that a scanner of this kind shows."""
    return Beam(
        axial=float(rng.uniform(1.2, 1.5)),
        lateral=float(rng.uniform(1.15, 1.55)),
        looks=4,
        attenuation=float(rng.uniform(-0.004, 0.004)),
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


def echo_amplitude(scene: Scene, scatterers: Array, beam: Beam, *, gain: float) -> Array:
    """Envelope [HEIGHT, COLUMNS] of a scene: mean over looks, with the coherent part added.

    `gain` is the pose's: it tilts the brightness across the frame.
    """
    drift = np.float32(beam.drift * gain / WIDTH) * (LATERAL - WIDTH / 2)
    received = np.exp(_PER_DECIBEL * (scene.gain + depth_gain(beam) + drift))
    mirrored = np.expm1(_PER_DECIBEL * np.maximum(scene.specular, 0)) * received
    scattered = np.exp(_PER_DECIBEL * scene.diffuse) * received
    scattered += np.float32(beam.mirrored_scatter) * mirrored
    envelope = compound(scatterers, scattered, beam)
    coherent = smooth(_padded(mirrored), axial=1.0, lateral=1.0)
    coherent *= np.float32(beam.mirrored_coherent)
    return np.asarray(np.sqrt(envelope * envelope + coherent * coherent))


def depth_gain(beam: Beam) -> Array:
    """Gain along depth, dB [HEIGHT, 1]: the focal zone, and attenuation left uncorrected below."""
    below = DEPTH - np.float32(beam.focus)
    zone = np.float32(beam.focal_gain) * bump(below / np.float32(beam.focal_depth))
    return np.asarray(zone - np.float32(beam.attenuation) * np.maximum(below, 0))


def compound(scatterers: Array, amplitude: Array, beam: Beam) -> Array:
    """Mean over looks of the envelope of scatterers weighted by `amplitude` [HEIGHT, COLUMNS].

    One look of uniform amplitude 1 is Rayleigh with E[envelope^2] = 2.
    """
    weights = _padded(amplitude)
    total = np.zeros((HEIGHT, COLUMNS), np.float32)
    for look in scatterers:
        field = smooth(look * weights, axial=beam.axial, lateral=beam.lateral, unit="power")
        field *= field
        total += np.sqrt(field[0] + field[1])
    total /= np.float32(len(scatterers))
    return total


def smooth(field: Array, *, axial: float, lateral: float, unit: str = "sum") -> Array:
    """Separable Gaussian over the last two axes, valid part only: both margins fall away."""
    along = _weighted_sum(field, _kernel(axial, AXIAL_REACH, unit), axis=-2)
    return _weighted_sum(along, _kernel(lateral, LATERAL_REACH, unit), axis=-1)


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


def _weighted_sum(field: Array, kernel: Array, *, axis: int) -> Array:
    reach = len(kernel) - 1
    lines = field if axis == -2 else field.swapaxes(-1, -2)
    length = lines.shape[-2] - 2 * reach
    total = lines[..., reach : reach + length, :] * kernel[0]
    pair = np.empty_like(total)
    for offset in range(1, reach + 1):
        before = lines[..., reach - offset : reach - offset + length, :]
        after = lines[..., reach + offset : reach + offset + length, :]
        np.add(before, after, out=pair)
        np.multiply(pair, kernel[offset], out=pair)
        np.add(total, pair, out=total)
    summed: Array = total if axis == -2 else total.swapaxes(-1, -2)
    return summed
