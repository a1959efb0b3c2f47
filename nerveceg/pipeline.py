"""Networks, calibration and rule in one object: a frame in, presence and mask out."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
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
from nerveceg.data.dataset import as_input
from nerveceg.data.decoding import network_levels
from nerveceg.data.filters import Filter
from nerveceg.data.geometry import Geometry
from nerveceg.data.images import read_image
from nerveceg.decision import Rule
from nerveceg.engines import Eager, Engine
from nerveceg.ensemble import Ensemble
from nerveceg.models.member import Member
from nerveceg.models.saving import load_facts, load_model, save_model
from nerveceg.operation import OperatingPoint
from nerveceg.opinion import Given, Opinion
from nerveceg.postprocess import Priors, load_priors
from nerveceg.prediction import Grey, Prediction, predictions_of, require_grey
from nerveceg.runtime import Runtime
from nerveceg.temporal import FrameByFrame, Smoother
from nerveceg.views import PLAIN, View


class Pipeline:
    """Networks, calibration and rule; what training did to a frame is done here too.

    members: the networks of each training run; the probabilities of several are averaged.
    views: what each network sees of a frame; averaged likewise. temporal: smooths over a clip.
    trained_on: digests of the image files that any stage was trained or chosen on.
    constant_mask: bool [1, 1, h, w], the one mask over the whole frame, on any grid, that fits the
        training frames best; a baseline of every report.
    shape_priors: of each member's training masks, for a rule that names the step; may be none.
    engine: what runs the networks; torch if none is given.
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
        temporal: Smoother | None = None,
        trained_on: frozenset[str] = frozenset(),
        constant_mask: Tensor | None = None,
        shape_priors: Priors = (),
        runtime: Runtime | None = None,
        engine: Engine | None = None,
    ) -> None:
        self.ensemble = Ensemble(members, views=views)
        self.geometry = geometry
        self.filter = filter
        self.calibration = calibration or Calibration()
        self.rule = rule or Rule()
        self.temporal = temporal or FrameByFrame()
        self.trained_on = trained_on
        self.constant_mask = constant_mask
        self.shape_priors = tuple(shape_priors)
        self.use(runtime or Runtime(device="cpu"), engine=engine)

    def use(self, runtime: Runtime, *, engine: Engine | None = None) -> "Pipeline":
        """Run on the runtime's device at its precision from now on, by torch or another engine.

        Raises:
            NerveCegError: the engine doesn't know the device.
        """
        self.engine = engine or Eager()
        self.runtime = self.engine.place(runtime)
        self.ensemble.use(self.runtime, self.engine)
        return self

    def to(self, device: str) -> "Pipeline":
        """Run on that device from now on."""
        return self.use(replace(self.runtime, device=device), engine=self.engine)

    def describe(self) -> str:
        """Device, precision and engine in words."""
        return ", ".join(filter(None, (self.runtime.describe(), self.engine.describe())))

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
        require_grey(images)
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
        opinion = self.look(self.network_input(images), presence=presence)
        shapes = [image.shape for image in images]
        return predictions_of(shapes, opinion, point=self.operation, geometry=self.geometry)

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
            temporal=self.temporal,
            trained_on=self.trained_on,
            constant_mask=self.constant_mask,
        )
        write_description(folder, described)

    @classmethod
    def from_pretrained(
        cls,
        folder: Path | str,
        *,
        runtime: Runtime | None = None,
        engine: Engine | None = None,
    ) -> "Pipeline":
        """The pipeline of a run's folder, by torch on the CPU if nothing says otherwise.

        Raises:
            NerveCegError: a file is missing, damaged or changed.
        """
        folder = Path(folder)
        described = read_description(folder)
        return cls.from_description(described, folder, runtime=runtime, engine=engine)

    @classmethod
    def from_description(
        cls,
        described: Description,
        folder: Path,
        *,
        runtime: Runtime | None = None,
        engine: Engine | None = None,
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
            temporal=described.temporal,
            trained_on=described.trained_on,
            constant_mask=described.constant_mask,
            shape_priors=load_priors(folder / member / "seg" for member in described.members),
            runtime=runtime,
            engine=engine,
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
