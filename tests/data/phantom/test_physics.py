"""Speckle against its closed forms: Rayleigh statistics, beam width, attenuation and shadow."""

import dataclasses

import numpy as np
import pytest

from nerveceg.data.phantom.anatomy import Bone
from nerveceg.data.phantom.grid import COLUMNS, HEIGHT, LATERAL, WIDTH
from nerveceg.data.phantom.physics import Beam, Scatterers, compound, echo_amplitude
from nerveceg.data.phantom.sweep import Knobs
from nerveceg.data.phantom.texture import View
from nerveceg.data.phantom.tissue import Scene, _add_bone

BEAM = Beam(axial=1.4, lateral=1.3, looks=1, attenuation=0.0, focal_gain=0.0)
STILL = Knobs(*[0.0] * 6)


def scatterers(looks, seed=0):
    return Scatterers(np.random.default_rng(seed), looks=looks)


def envelope(looks, seed=0):
    uniform = np.ones((HEIGHT, COLUMNS), np.float32)
    return compound(scatterers(looks, seed).field, uniform, BEAM)


def empty_scene():
    return Scene(
        diffuse=np.zeros((HEIGHT, COLUMNS), np.float32),
        specular=np.zeros((HEIGHT, COLUMNS), np.float32),
        gain=np.zeros((HEIGHT, COLUMNS), np.float32),
    )


def test_one_look_at_uniform_tissue_is_rayleigh_speckle():
    speckle = np.stack([envelope(1, seed) for seed in range(3)])
    assert speckle.mean() / speckle.std() == pytest.approx(1.913, rel=0.02)
    assert (20 * np.log10(speckle)).std() == pytest.approx(5.57, rel=0.02)
    assert (speckle**2).mean() == pytest.approx(2.0, rel=0.03)


@pytest.mark.parametrize("looks", [2, 3, 4])
def test_looks_raise_the_ratio_of_mean_to_sd_by_their_root(looks):
    speckle = envelope(looks)
    assert speckle.mean() / speckle.std() == pytest.approx(1.913 * looks**0.5, rel=0.04)


def test_intensity_correlates_along_depth_as_the_beam_is_wide():
    intensity = np.stack([envelope(1, seed) for seed in range(4)]) ** 2
    intensity -= intensity.mean()
    for shift in (1, 2, 3):
        found = (intensity[:, shift:] * intensity[:, :-shift]).mean() / (intensity**2).mean()
        assert found == pytest.approx(np.exp(-(shift**2) / (2 * BEAM.axial**2)), abs=0.03)


def test_echoes_fade_along_depth_by_the_set_attenuation():
    beam = dataclasses.replace(BEAM, looks=4, attenuation=0.05, focus=0.0)
    decibels = 20 * np.log10(
        echo_amplitude(empty_scene(), scatterers(4).field, beam, knobs=STILL).mean(axis=1)
    )
    slope = np.polyfit(np.arange(HEIGHT), decibels, 1)[0]
    assert slope == pytest.approx(-0.05, abs=0.002)


def test_bone_throws_a_shadow_of_nine_decibels():
    scene, flat = empty_scene(), np.zeros((HEIGHT, COLUMNS), np.float32)
    depth = flat + np.arange(HEIGHT, dtype=np.float32)[:, None]
    view = View(depth, flat + LATERAL, fibres=flat, layers=flat, blotches=flat, breaks=flat)
    _add_bone(scene, Bone(row=200.0, column=WIDTH / 2, width=120.0), view)
    amplitude = echo_amplitude(scene, scatterers(4).field, BEAM, knobs=STILL)
    under, beside = amplitude[300:, COLUMNS // 2 - 4 : COLUMNS // 2 + 4], amplitude[300:, :20]
    assert 20 * np.log10(under.mean() / beside.mean()) == pytest.approx(-9, abs=0.7)


def test_a_dark_disc_stands_out_by_its_echo_level():
    scene = empty_scene()
    scene.diffuse[150:250, 50:90] = -12
    amplitude = echo_amplitude(scene, scatterers(4).field, BEAM, knobs=STILL)
    contrast = 20 * np.log10(amplitude[160:240, 55:85].mean() / amplitude[160:240, 5:40].mean())
    assert contrast == pytest.approx(-12, abs=0.7)


def test_scatterers_forget_at_the_set_rate_and_keep_their_power():
    moving = scatterers(1)
    before = moving.field.copy()
    moving.advance(3)
    correlation = (before * moving.field).mean() / (before**2).mean()
    assert correlation == pytest.approx(0.9**3, abs=0.01)
    assert moving.field.std() == pytest.approx(1.0, rel=0.01)
