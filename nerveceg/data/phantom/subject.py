"""A subject: one made-up person whose frames and truth come from a seed and a number alone."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from nerveceg.data.phantom.anatomy import Anatomy, draw_anatomy
from nerveceg.data.phantom.annotation import Annotator, draw_mask, label_presence
from nerveceg.data.phantom.display import Screen, draw_screen, show
from nerveceg.data.phantom.grid import HEIGHT, WIDTH
from nerveceg.data.phantom.physics import Beam, Scatterers, draw_beam, echo_amplitude
from nerveceg.data.phantom.plexus import draw_plexus
from nerveceg.data.phantom.sweep import Location, Pose, draw_location, draw_poses
from nerveceg.data.phantom.texture import Textures, draw_textures, look_up
from nerveceg.data.phantom.tissue import draw_tissue

Twin = Literal["", "exact", "near"]


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How one subject is recorded and annotated.

    `label_noise` is an sd on the visibility logit. `exact_twins` and `near_twins` are the shares
    of frames with nerve whose picture is shown a second time, with an empty mask, in place of a
    frame without. Frame numbers follow the sweep unless `shuffled`.
    """

    frames: int = 3
    label_noise: float = 2.0
    exact_twins: float = 0.01
    near_twins: float = 0.01
    shuffled: bool = True


class Shot(NamedTuple):
    """One planned frame: its number, its place in the sweep and its labels, without a picture."""

    subject: int
    img: int
    pose: Pose
    present: bool
    twin: Twin = ""
    twin_of: int | None = None

    @property
    def visible(self) -> bool:
        """The truth that a noise-free annotator would have labelled."""
        return self.pose.visibility > 0.5

    @property
    def flipped(self) -> bool:
        """Whether the label contradicts the true visibility."""
        return self.present != self.visible


class PhantomFrame(NamedTuple):
    """A rendered frame: picture uint8 [420, 580] and mask bool [420, 580], with its shot."""

    shot: Shot
    image: NDArray[np.uint8]
    mask: NDArray[np.bool_]


class Subject:
    """One made-up person; the same number and seed give the same frames, on any machine's disk.

    Pictures are made only when `frames` is iterated; `shots` and `mask` cost next to nothing.
    """

    def __init__(self, number: int, *, seed: int = 0, protocol: Protocol | None = None):
        self.number = number
        self.seed = seed
        self.protocol = protocol or Protocol()
        self.location: Location = draw_location(self._random("location"))

    @cached_property
    def anatomy(self) -> Anatomy:
        """Layers, plexus and look-alikes."""
        return draw_anatomy(self._random("anatomy"), self.location)

    @cached_property
    def textures(self) -> Textures:
        """Speckle-free textures and warp of the tissue."""
        return draw_textures(self._random("texture"))

    @cached_property
    def annotator(self) -> Annotator:
        """Who labels this subject's frames: a bias of sd 1/2 besides the protocol's noise."""
        bias = float(self._random("annotator").normal(0, 0.5))
        return Annotator(label_noise=self.protocol.label_noise, bias=bias)

    @cached_property
    def shots(self) -> list[Shot]:
        """All frames as planned, in the order in which they are rendered: that of the sweep."""
        poses = draw_poses(self._random("sweep"), self.location, count=self.protocol.frames)
        labels = self._random("label")
        present = [label_presence(pose, self.annotator, labels) for pose in poses]
        numbers = self._numbers()
        shots = [
            Shot(subject=self.number, img=number, pose=pose, present=label)
            for number, pose, label in zip(numbers, poses, present, strict=True)
        ]
        return sorted(self._plant_twins(shots), key=_rendering_order)

    def mask(self, shot: Shot) -> NDArray[np.bool_]:
        """Mask, bool [420, 580], of one shot; empty where it is labelled absent."""
        if not shot.present:
            return np.zeros((HEIGHT, WIDTH), np.bool_)
        return draw_mask(shot.pose, self.annotator, self._random("mask", shot.img))

    def frames(self) -> Iterator[PhantomFrame]:
        """All frames, rendered one after the other in the order of `shots`."""
        scanner = self._random("scanner")
        beam, screen = draw_beam(scanner), draw_screen(scanner)
        scatterers = Scatterers(self._random("scatterers"), looks=beam.looks)
        step, image = self.shots[0].pose.step, np.empty(0, np.uint8)
        for shot in self.shots:
            # A near twin is the same view one video step on: new speckle, the same anatomy.
            scatterers.advance(shot.pose.step - step if shot.twin != "near" else 1)
            step = shot.pose.step
            if shot.twin != "exact":
                image = self._render(shot, scatterers, beam=beam, screen=screen)
            yield PhantomFrame(shot, image, self.mask(shot))

    def _render(
        self, shot: Shot, scatterers: Scatterers, *, beam: Beam, screen: Screen
    ) -> NDArray[np.uint8]:
        view = look_up(self.textures, shot.pose)
        scene = draw_tissue(self.anatomy, view, plane=shot.pose.out_of_plane)
        draw_plexus(scene, self.anatomy.plexus, shot.pose, textures=self.textures, view=view)
        amplitude = echo_amplitude(scene, scatterers.field, beam, knobs=shot.pose.knobs)
        return show(amplitude, screen, knobs=shot.pose.knobs, rng=self._random("screen", shot.img))

    def _numbers(self) -> list[int]:
        numbers = np.arange(1, self.protocol.frames + 1)
        if self.protocol.shuffled:
            self._random("order").shuffle(numbers)
        return numbers.tolist()

    def _plant_twins(self, shots: list[Shot]) -> list[Shot]:
        rng = self._random("twin")
        absent = [place for place, shot in enumerate(shots) if not shot.present]
        rng.shuffle(absent)
        for source in [shot for shot in shots if shot.present]:
            draw = float(rng.random()) - self.protocol.exact_twins
            if draw < self.protocol.near_twins and absent:
                place = absent.pop()
                shots[place] = shots[place]._replace(
                    pose=source.pose, twin="exact" if draw < 0 else "near", twin_of=source.img
                )
        return shots

    def _random(self, purpose: str, img: int = 0) -> np.random.Generator:
        # One stream a purpose: a change in one part leaves all others as they were.
        return np.random.default_rng([self.seed, self.number, crc32(purpose.encode()), img])


def _rendering_order(shot: Shot) -> tuple[int, int, bool]:
    """By the sweep; a twin right after its source, which has the smaller key of the two."""
    source = shot.twin_of if shot.twin_of is not None else shot.img
    return shot.pose.step, source, bool(shot.twin)
