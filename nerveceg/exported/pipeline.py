"""An exported folder at work: a frame in, presence and mask out, by numpy and one runtime."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from nerveceg.arrays import Array, to_host
from nerveceg.data.geometry import Geometry
from nerveceg.data.images import read_image
from nerveceg.engines.onnx_runtime import OnnxRuntime
from nerveceg.engines.open_vino import OpenVino
from nerveceg.errors import NerveCegError
from nerveceg.exported.contents import Contents
from nerveceg.looks import look
from nerveceg.models.networks import Network, Networks
from nerveceg.models.two_heads import Output
from nerveceg.operation import OperatingPoint
from nerveceg.opinion import Given, Opinion
from nerveceg.postprocess import ShapePrior
from nerveceg.prediction import Grey, Prediction, predictions_of, require_grey


class ExportedPipeline:
    """What `Pipeline` is, without torch: the same decision on the same pixels.

    folder: written by `tools/export.py`.
    engine: OnnxRuntime() or OpenVino(); the first if none is given.

    Raises:
        NerveCegError: the folder is of another schema, not whole or changed, or holds networks of
            another precision than the engine is set to.
    """

    def __init__(self, folder: Path | str, *, engine: OnnxRuntime | OpenVino | None = None) -> None:
        folder = Path(folder)
        self._contents = Contents.read(folder)
        self.engine = engine or OnnxRuntime(precision=self._contents.precision)
        if (self._contents.precision == "int8") != (self.engine.precision == "int8"):
            raise NerveCegError(
                f"{folder} holds networks in {self._contents.precision}, the engine is set to "
                f"{self.engine.precision}: take the folder's precision, or export again"
            )
        opened = self._open(folder)
        self._networks = [
            Networks(
                None if member.cls is None else _by_size(member.cls, opened),
                _by_size(member.seg, opened),
            )
            for member in self._contents.members
        ]
        exact = replace(self.engine, precision="float32")
        self._filter = self._contents.filter and exact.open(folder / self._contents.filter)
        priors = [_load_prior(folder / name) for name in self._contents.shape_priors]
        self.operation = OperatingPoint(
            calibration=self._contents.calibration, rule=self._contents.rule, priors=priors
        )

    @property
    def geometry(self) -> Geometry:
        """Crop and resize."""
        return self._contents.geometry

    def network_input(self, images: Sequence[Grey]) -> NDArray[np.float32]:
        """Frames of any size, uint8 [H, W], as the networks take them, float32 [N, 1, h, w].

        Raises:
            NerveCegError: an array of another kind.
        """
        require_grey(images)
        sized = [self.geometry.forward(cast(Array, image[None, None])) for image in images]
        levels = np.concatenate([self._filtered(*one) for one in zip(sized, images, strict=True)])
        return levels.astype(np.float32) / np.float32(255)

    def predict_batch(self, images: Sequence[Grey], *, presence: Given = None) -> list[Prediction]:
        """Predictions for frames of any sizes; only those the gate may pass reach the segmenter.

        Raises:
            NerveCegError: an array of another kind, or a network's output is NaN.
        """
        network_input = cast(Array, self.network_input(images))
        looks = look(self._networks, network_input, views=self._contents.views)
        opinion = Opinion(looks, self.operation, presence=presence)
        shapes = [image.shape for image in images]
        return predictions_of(shapes, opinion, point=self.operation, geometry=self.geometry)

    def predict(self, image: Grey | Path | str) -> Prediction:
        """Prediction for one frame: uint8 [H, W], or the path of an image file."""
        if isinstance(image, Path | str):
            image = read_image(Path(image))
        return self.predict_batch([image])[0]

    def _filtered(self, levels: Array, image: Grey) -> NDArray[np.uint8]:
        """A frame at the networks' size, uint8 [1, 1, h, w], filtered but for its padding."""
        frame = to_host(levels)
        if self._filter:
            rows, columns = self.geometry.extent((image.shape[0], image.shape[1]))
            part = cast(Array, np.ascontiguousarray(frame[..., :rows, :columns]))
            frame[..., :rows, :columns] = self._filter(part)
        return frame

    def _open(self, folder: Path) -> dict[str, Network]:
        """All graphs by name; several at once, since a runtime prepares each on one core."""
        names = [
            name
            for member in self._contents.members
            for stage in member
            for name in (stage or {}).values()
        ]
        with ThreadPoolExecutor() as threads:
            opened = threads.map(lambda name: self.engine.open(folder / name), names)
            return dict(zip(names, opened, strict=True))


def _by_size(files: Mapping[str, str], opened: Mapping[str, Network]) -> Network:
    """A network of as many graphs as there are sizes of views."""

    def network(image: Array) -> Output:
        height, width = image.shape[-2:]
        return opened[files[f"{height}x{width}"]](image)

    return network


def _load_prior(path: Path) -> ShapePrior:
    try:
        with np.load(path, allow_pickle=False) as saved:
            return ShapePrior(mean=saved["mean"], components=saved["components"])
    except (OSError, ValueError, KeyError) as error:
        raise NerveCegError(f"{path} is no shape prior ({error}): export again") from None
