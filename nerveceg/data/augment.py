"""What a linear-array probe varies and photographs don't: speckle and gain, as albumentations."""

from typing import Any

import cv2
import numpy as np
from albumentations import BasicTransform, Compose, ImageOnlyTransform
from numpy.typing import NDArray

Grey = NDArray[np.uint8]
Field = NDArray[np.float32]


class Speckle(ImageOnlyTransform):  # type: ignore[misc]
    """Multiplies grey levels by 1 + strength * speckle, correlated as the point spread is.

    strength: range of the speckle's standard deviation, as a share of the grey level.
    axial, lateral: standard deviation of the point spread in pixels at the networks' size.
    """

    def __init__(
        self,
        strength: tuple[float, float] = (0.05, 0.2),
        axial: float = 0.9,
        lateral: float = 2.5,
        p: float = 0.5,
    ) -> None:
        super().__init__(p=p)
        self.strength = strength
        self.axial = axial
        self.lateral = lateral

    def get_params_dependent_on_data(
        self, params: dict[str, Any], data: dict[str, Any]
    ) -> dict[str, Field]:
        """One unit-variance Gaussian field a frame, float32 [h, w], times the drawn strength."""
        white = self.random_generator.standard_normal(params["shape"][:2], dtype=np.float32)
        field = cv2.GaussianBlur(white, (0, 0), sigmaX=self.lateral, sigmaY=self.axial)
        strength = self.py_random.uniform(*self.strength)
        return {"speckle": np.asarray(field * (strength / field.std()), dtype=np.float32)}

    def apply(self, img: Grey, speckle: Field, **params: Any) -> Grey:
        """The frame, uint8 [h, w], under that speckle."""
        return _as_grey(img * (1 + speckle))


class Gain(ImageOnlyTransform):  # type: ignore[misc]
    """Turns the gain, the time-gain compensation and the lateral balance of a B-mode frame.

    Grey levels are decibels, so a gain of g dB adds 255 * g / dynamic_range.
    overall, depth, lateral: largest change in dB, drawn from +- that; `depth` and `lateral` ramp
        linearly from none at the skin, or at the middle, to that at the deepest row or the edge.
    dynamic_range: of the display, in dB.
    """

    def __init__(
        self,
        overall: float = 4.0,
        depth: float = 6.0,
        lateral: float = 2.0,
        dynamic_range: float = 60.0,
        p: float = 0.7,
    ) -> None:
        super().__init__(p=p)
        self.overall = overall
        self.depth = depth
        self.lateral = lateral
        self.dynamic_range = dynamic_range

    def get_params_dependent_on_data(
        self, params: dict[str, Any], data: dict[str, Any]
    ) -> dict[str, Field]:
        """Grey levels to add, float32 [h, w]."""
        rows, columns = params["shape"][:2]
        down = np.linspace(0, 1, rows, dtype=np.float32)[:, None]
        across = np.linspace(-1, 1, columns, dtype=np.float32)[None]
        overall, depth, lateral = (
            self.py_random.uniform(-most, most) for most in (self.overall, self.depth, self.lateral)
        )
        decibels = overall + depth * down + lateral * across
        return {"added": np.asarray(decibels * (255 / self.dynamic_range), dtype=np.float32)}

    def apply(self, img: Grey, added: Field, **params: Any) -> Grey:
        """The frame, uint8 [h, w], at that gain; what holds no echo stays black."""
        return _as_grey(np.where(img > 0, img + added, 0))


def compose(transforms: list[BasicTransform]) -> Compose:
    """An albumentations pipeline whose randomness follows its own random state alone."""
    return Compose(transforms, seed=0)


def _as_grey(levels: NDArray[Any]) -> Grey:
    return np.asarray(levels.round().clip(0, 255), dtype=np.uint8)
