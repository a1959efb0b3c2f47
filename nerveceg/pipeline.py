"""Networks, calibration and rule in one object: a frame in, presence and mask out."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nerveceg.calibration import Calibration
from nerveceg.checkpoint import (
    STAGES,
    Description,
    describe_mask,
    read_description,
    stages_of,
    write_description,
)
from nerveceg.data.dataset import as_input, network_levels
from nerveceg.data.filters import Filter
from nerveceg.data.geometry import Geometry
from nerveceg.data.images import read_image
from nerveceg.decision import Rule
from nerveceg.ensemble import Ensemble
from nerveceg.errors import NerveCegError
from nerveceg.models.member import Member
from nerveceg.models.saving import load_facts, load_model, save_model
from nerveceg.operation import OperatingPoint
from nerveceg.opinion import Given, Opinion, refuse_nan
from nerveceg.postprocess import Priors, load_priors
from nerveceg.runtime import Runtime
from nerveceg.views import PLAIN, View

Grey = NDArray[np.uint8]
Mask = NDArray[np.bool_]


class Prediction(NamedTuple):
    """What the pipeline says of one frame."""

    presence: float
    """probability that the frame shows the nerve, after a look at its mask if it got that far"""
    mask: Mask
    """bool [H, W] at native pixels, empty where the rule says that no nerve is shown"""
    expected: float = float("nan")
    """the Dice that this mask is expected to get; honest where the pipeline is calibrated"""
    spread: float = 0.0
    """standard deviation of presence over members and views"""


class Pipeline:
    """Networks, calibration and rule; what training did to a frame is done here too.

    members: the networks of each training run; the probabilities of several are averaged.
    views: what each network sees of a frame; averaged likewise.
    trained_on: digests of the image files that any stage was trained or chosen on.
    constant_mask: bool [1, 1, h, w], the one mask over the whole frame, on any grid, that fits the
        training frames best; a baseline of every report.
    shape_priors: of each member's training masks, for a rule that names the step; may be none.
    """

    def __init__(
        self,
        members: Sequence[Member],
        *,
        geometry: Geometry,
        filter: Filter | None = None,
        views: Sequence[View] = PLAIN,
        calibration: Calibration | None = None,
        rule: Rule | None = None,
        trained_on: frozenset[str] = frozenset(),
        constant_mask: Tensor | None = None,
        shape_priors: Priors = (),
        runtime: Runtime | None = None,
    ) -> None:
        self.ensemble = Ensemble(members, views=views)
        self.geometry = geometry
        self.filter = filter
        self.calibration = calibration or Calibration()
        self.rule = rule or Rule()
        self.trained_on = trained_on
        self.constant_mask = constant_mask
        self.shape_priors = tuple(shape_priors)
        self.use(runtime or Runtime(device="cpu"))

    def use(self, runtime: Runtime) -> "Pipeline":
        """Run on the runtime's device at its precision from now on."""
        self.runtime = runtime
        self.ensemble.use(runtime)
        return self

    def to(self, device: str) -> "Pipeline":
        """Run on that device from now on."""
        return self.use(replace(self.runtime, device=device))

    @property
    def operation(self) -> OperatingPoint:
        """The rule on the calibration."""
        return OperatingPoint(
            calibration=self.calibration, rule=self.rule, priors=self.shape_priors
        )

    def network_input(self, images: Sequence[Grey]) -> Tensor:
        """Frames of any size, uint8 [H, W], as the networks take them, float32 [N, 1, h, w].

        Raises:
            NerveCegError: an array of another kind.
        """
        for image in images:
            if image.dtype != np.uint8 or image.ndim != 2:
                raise NerveCegError(
                    f"a frame of {image.dtype} {list(image.shape)}: grey levels as uint8 [H, W] "
                    "are wanted, or the path of an image file"
                )
        levels = network_levels(
            images,
            geometry=self.geometry,
            filter=self.filter,
            device=self.runtime.torch_device,
        )
        return as_input(levels).contiguous(memory_format=self.runtime.memory_format)

    def look(self, network_input: Tensor, *, presence: Given = None) -> Opinion:
        """What the networks say of the frames of `network_input`, calibrated."""
        return Opinion(self.ensemble.look(network_input), self.operation, presence=presence)

    @torch.inference_mode()
    def predict_batch(self, images: Sequence[Grey], *, presence: Given = None) -> list[Prediction]:
        """Predictions for frames of any sizes; only those the gate may pass reach the segmenter.

        Raises:
            NerveCegError: an array of another kind, or a network's output is NaN.
        """
        network_input, point = self.network_input(images), self.operation
        opinion = self.look(network_input, presence=presence)
        gate, spread = opinion.presence
        refuse_nan("presence", gate[:, None], range(len(images)))
        before = point.before_mask(gate).tolist()
        predictions = [
            Prediction(*one)
            for one in zip(
                before,
                [np.zeros(image.shape, dtype=np.bool_) for image in images],
                [1 - value for value in before],
                spread.tolist(),
                strict=True,
            )
        ]
        asked = point.may_pass(gate).nonzero()[:, 0]
        if len(asked):
            probability = opinion.probability(asked)
            refuse_nan("mask probability", probability, asked.tolist())
            for place, one in zip(asked.tolist(), torch.split(probability, 1), strict=True):
                native = self.geometry.restore(one, images[place].shape)
                decision = point.decide(gate[place : place + 1], native)
                predictions[place] = predictions[place]._replace(
                    presence=decision.presence.item(),
                    mask=decision.final[0, 0].cpu().numpy(),
                    expected=decision.score.item(),
                )
        return predictions

    def predict(self, image: Grey | Path | str) -> Prediction:
        """Prediction for one frame: uint8 [H, W], or the path of an image file."""
        if isinstance(image, Path | str):
            image = read_image(Path(image))
        return self.predict_batch([image])[0]

    def save_pretrained(self, folder: Path | str) -> None:
        """Write weights, geometry, calibration and rule to a folder."""
        folder = Path(folder)
        members = self.ensemble.members
        names = ["."] if len(members) == 1 else [f"fold_{k}" for k in range(len(members))]
        for name, member in zip(names, members, strict=True):
            self._save_member(member, folder / name)
        for name, prior in zip(names, self.shape_priors, strict=False):
            prior.save(folder / name / "seg")
        described = Description(
            geometry=self.geometry,
            filter=self.filter,
            members=tuple(names),
            views=self.ensemble.views,
            calibration=self.calibration,
            rule=self.rule,
            trained_on=self.trained_on,
            constant_mask=self.constant_mask,
        )
        write_description(folder, described)

    @classmethod
    def from_pretrained(cls, folder: Path | str, *, runtime: Runtime | None = None) -> "Pipeline":
        """The pipeline of a run's folder, on the CPU if no runtime says otherwise.

        Raises:
            NerveCegError: a file is missing, damaged or changed.
        """
        folder = Path(folder)
        return cls.from_description(read_description(folder), folder, runtime=runtime)

    @classmethod
    def from_description(
        cls, described: Description, folder: Path, *, runtime: Runtime | None = None
    ) -> "Pipeline":
        """The pipeline that a description makes of the networks in a folder.

        Raises:
            NerveCegError: a network's file is missing or damaged.
        """
        return cls(
            [load_member(folder / member) for member in described.members],
            geometry=described.geometry,
            filter=described.filter,
            views=described.views,
            calibration=described.calibration,
            rule=described.rule,
            trained_on=described.trained_on,
            constant_mask=described.constant_mask,
            shape_priors=load_priors(folder / member / "seg" for member in described.members),
            runtime=runtime,
        )

    def _save_member(self, member: Member, folder: Path) -> None:
        facts = {
            "geometry": self.geometry.to_dict(),
            "filter": self.filter and self.filter.to_dict(),
            "trained_on": sorted(self.trained_on),
            "constant_mask": describe_mask(self.constant_mask),
            "gate": member.classifier is not None,
        }
        for stage, model in zip(STAGES, (member.classifier, member.segmenter), strict=True):
            if model is not None:
                save_model(model, folder / stage, {**load_facts(folder / stage), **facts})


def load_member(folder: Path) -> Member:
    """The networks that one training run left in a folder.

    Raises:
        NerveCegError: a file is missing or damaged.
    """
    *gate, segmenter = (load_model(folder / stage) for stage in stages_of(folder))
    return Member(gate[0] if gate else None, segmenter)
