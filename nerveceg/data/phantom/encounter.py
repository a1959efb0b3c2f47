"""One made-up person, seen once with the nerve and once without, by any probe on any scanner."""

from dataclasses import replace
from math import exp
from typing import NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from nerveceg.data.phantom.anatomy import Anatomy, draw_anatomy
from nerveceg.data.phantom.annotation import Annotator, draw_mask
from nerveceg.data.phantom.display import show
from nerveceg.data.phantom.grid import HEIGHT, WIDTH, Array
from nerveceg.data.phantom.honeycomb import draw_honeycomb
from nerveceg.data.phantom.physics import Scatterers, echo_amplitude
from nerveceg.data.phantom.plexus import draw_plexus
from nerveceg.data.phantom.probe import draw_probe
from nerveceg.data.phantom.scale import scale_anatomy, scale_location
from nerveceg.data.phantom.surroundings import draw_contact, vary_surroundings
from nerveceg.data.phantom.sweep import Location, Pose, draw_location, draw_poses
from nerveceg.data.phantom.texture import draw_textures, look_up
from nerveceg.data.phantom.tissue import draw_tissue
from nerveceg.data.phantom.variety import Variety, scaled_spread

VIEWS = 2
"""Frames of a person: the first with the nerve, the second without."""

LEAST_GRAIN = 0.8
"""Of the textures' scale: finer ones than the grid shows would be none."""

SURE = 8.0
"""Largest logit of visibility: how well the nerve is seen runs evenly from a half to certain."""

LARGEST = 0.42
"""Half-axis of a nerve, as a share of the frame's height: no person is scaled beyond."""


class View(NamedTuple):
    """A frame of an encounter."""

    image: NDArray[np.uint8]
    """uint8 [420, 580]"""
    mask: NDArray[np.bool_]
    """bool [420, 580], empty where the nerve isn't seen"""
    visibility: float
    """how well the nerve is seen, in [0, 1]: what a gate may be taught, softly"""


class Encounter:
    """A person of the stream; the same number, seed and variety give the same two views."""

    def __init__(self, number: int, *, seed: int, variety: Variety) -> None:
        self._key = (seed, number)
        self._variety = variety
        draw = self._random("nerve")
        self.nerve = variety.draw_nerve(draw)
        plain = variety.move(draw_location(self._random("location")), draw, nerve=self.nerve)
        self._scale = min(variety.draw_scale(draw), LARGEST * HEIGHT / exp(plain.log_major))
        self._location = scale_location(plain, self._scale)
        self._anatomy = scale_anatomy(self._draw_anatomy(plain), self._scale)
        self._textures = draw_textures(self._random("texture"), scale=max(self._scale, LEAST_GRAIN))
        self._poses = self._draw_poses()
        scanner = self._random("scanner")
        self._beam, self._screen = variety.draw_beam(scanner), variety.draw_screen(scanner)
        self._contact = draw_contact(scanner, share=variety.lost_contact)
        self._probe = draw_probe(
            scanner,
            curved=variety.curved,
            magnified=float(scanner.uniform(*variety.magnified)),
            centre=(self._location.row, self._location.column),
        )

    def view(self, place: int) -> View:
        """The view with the nerve, place 0, or the one without, place 1."""
        pose, random = self._poses[place], self._random("screen", place)
        amplitude = self._echo(pose, self._random("scatterers", place))
        grey = show(amplitude, self._screen, knobs=pose.knobs, rng=random)
        mask = self._probe.show_mask(self._draw_mask(pose))
        return View(self._probe.show(grey), mask, pose.visibility)

    def _echo(self, pose: Pose, random: np.random.Generator) -> Array:
        look = look_up(self._textures, pose)
        scene = draw_tissue(self._anatomy, look, plane=pose.out_of_plane)
        scene.gain[:] += self._contact
        draw_plexus(scene, self._anatomy.plexus, pose, textures=self._textures, view=look)
        field = Scatterers(random, looks=self._beam.looks).field
        if not self._variety.speckled:
            field = np.ones_like(field[:1])
        return echo_amplitude(scene, field, self._beam, knobs=pose.knobs)

    def _draw_anatomy(self, location: Location) -> Anatomy:
        anatomy = draw_anatomy(self._random("anatomy"), location)
        around = self._random("surroundings")
        anatomy = vary_surroundings(anatomy, around, location=location)
        if self.nerve == "plexus":
            return anatomy
        aspect = exp(location.log_major - location.log_minor)
        return replace(anatomy, plexus=draw_honeycomb(self._random("honeycomb"), aspect=aspect))

    def _draw_poses(self) -> tuple[Pose, Pose]:
        """One pose that sees the nerve and one that doesn't."""
        random, spread = self._random("sweep"), scaled_spread(self._scale)
        seen, unseen = draw_poses(random, self._location, count=VIEWS, spread=spread)
        sure = random.uniform(0, SURE, VIEWS).tolist()
        return replace(seen, logit=sure[0]), replace(unseen, logit=-sure[1])

    def _draw_mask(self, pose: Pose) -> NDArray[np.bool_]:
        if pose.logit <= 0:
            return np.zeros((HEIGHT, WIDTH), np.bool_)
        return draw_mask(pose, Annotator(), self._random("mask"))

    def _random(self, purpose: str, place: int = 0) -> np.random.Generator:
        # One stream a purpose, as for the subjects of a folder, and none of theirs.
        return np.random.default_rng([*self._key, crc32(f"encounter {purpose}".encode()), place])
