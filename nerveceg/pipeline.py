"""Both stages, calibration and rule in one object: a frame in, presence and mask out."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nerveceg.calibration import Calibration
from nerveceg.checkpoint import (
    STAGES,
    Description,
    describe_mask,
    read_description,
    write_description,
)
from nerveceg.data.dataset import as_input
from nerveceg.data.geometry import Geometry
from nerveceg.data.images import read_image
from nerveceg.decision import Rule, decide, passes
from nerveceg.errors import NerveCegError
from nerveceg.models.saving import load_config, load_model, save_model
from nerveceg.runtime import Runtime

Grey = NDArray[np.uint8]
Mask = NDArray[np.bool_]


class Prediction(NamedTuple):
    """What the pipeline says of one frame."""

    presence: float
    """probability that the frame shows the nerve"""
    mask: Mask
    """bool [H, W] at native pixels, empty where the rule says that no nerve is shown"""


class Pipeline:
    """Classifier, calibration, segmenter and rule; what training did to a frame is done here too.

    trained_on: digests of the image files that either stage was trained or chosen on.
    constant_mask: bool [1, 1, h, w], the one mask over the whole frame, on any grid, that fits the
        training frames best; a baseline of every report.
    """

    def __init__(
        self,
        classifier: nn.Module,
        segmenter: nn.Module,
        *,
        geometry: Geometry,
        calibration: Calibration | None = None,
        rule: Rule | None = None,
        trained_on: frozenset[str] = frozenset(),
        constant_mask: Tensor | None = None,
        runtime: Runtime | None = None,
    ) -> None:
        self.classifier = classifier.eval()
        self.segmenter = segmenter.eval()
        self.geometry = geometry
        self.calibration = calibration or Calibration()
        self.rule = rule or Rule()
        self.trained_on = trained_on
        self.constant_mask = constant_mask
        self.use(runtime or Runtime(device="cpu"))

    def use(self, runtime: Runtime) -> "Pipeline":
        """Run on the runtime's device at its precision from now on."""
        self.runtime = runtime
        for model in (self.classifier, self.segmenter):
            runtime.place(model)
        return self

    def to(self, device: str) -> "Pipeline":
        """Run on that device from now on."""
        return self.use(replace(self.runtime, device=device))

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
        sized = [self.geometry.forward(torch.from_numpy(image)[None, None]) for image in images]
        stacked = torch.cat(sized).to(self.runtime.torch_device)
        return as_input(stacked).contiguous(memory_format=self.runtime.memory_format)

    @torch.inference_mode()
    def presence(self, network_input: Tensor) -> Tensor:
        """Calibrated presence, float32 [N], for `network_input`."""
        with self.runtime.autocast():
            logit = self.classifier(network_input)
        return self.calibration(logit.float())

    @torch.inference_mode()
    def probability(self, network_input: Tensor) -> Tensor:
        """Mask probability, float32 [N, 1, h, w] at the networks' size, for `network_input`."""
        with self.runtime.autocast():
            logit: Tensor = self.segmenter(network_input)
        return logit.float().sigmoid()

    @torch.inference_mode()
    def predict_batch(self, images: Sequence[Grey]) -> list[Prediction]:
        """Predictions for frames of any sizes; only those the gate passes reach the segmenter."""
        network_input = self.network_input(images)
        presence = self.presence(network_input)
        masks = [np.zeros(image.shape, dtype=np.bool_) for image in images]
        passed = passes(presence, self.rule).nonzero()[:, 0]
        if len(passed):
            probability = self.probability(network_input[passed])
            for place, one in zip(passed.tolist(), torch.split(probability, 1), strict=True):
                native = self.geometry.restore(one, images[place].shape)
                decided = decide(presence[place : place + 1], native, self.rule)
                masks[place] = decided[0, 0].cpu().numpy()
        return [Prediction(*pair) for pair in zip(presence.tolist(), masks, strict=True)]

    def predict(self, image: Grey | Path | str) -> Prediction:
        """Prediction for one frame: uint8 [H, W], or the path of an image file."""
        if isinstance(image, Path | str):
            image = read_image(Path(image))
        return self.predict_batch([image])[0]

    def save_pretrained(self, folder: Path | str) -> None:
        """Write weights, geometry, calibration and rule to a folder."""
        folder = Path(folder)
        described = Description(
            geometry=self.geometry,
            calibration=self.calibration,
            rule=self.rule,
            trained_on=self.trained_on,
            constant_mask=self.constant_mask,
        )
        facts = {
            "geometry": self.geometry.to_dict(),
            "trained_on": sorted(self.trained_on),
            "constant_mask": describe_mask(self.constant_mask),
        }
        for stage, model in zip(STAGES, (self.classifier, self.segmenter), strict=True):
            save_model(model, folder / stage, {**_facts_of(folder / stage), **facts})
        write_description(folder, described)

    @classmethod
    def from_pretrained(cls, folder: Path | str, *, runtime: Runtime | None = None) -> "Pipeline":
        """The pipeline of a run's folder, on the CPU if no runtime says otherwise.

        Raises:
            NerveCegError: a file is missing, damaged or changed.
        """
        folder = Path(folder)
        described = read_description(folder)
        return cls(
            *(load_model(folder / stage) for stage in STAGES),
            geometry=described.geometry,
            calibration=described.calibration,
            rule=described.rule,
            trained_on=described.trained_on,
            constant_mask=described.constant_mask,
            runtime=runtime,
        )


def _facts_of(folder: Path) -> dict[str, Any]:
    """What a trained stage's config.json records beside the network."""
    if not (folder / "config.json").is_file():
        return {}
    config = load_config(folder)
    return {name: value for name, value in config.items() if name not in ("class", "arguments")}
