"""What is predicted of frames once the networks have spoken: the same with torch or without."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nerveceg.arrays import namespace, to_host
from nerveceg.data.geometry import Geometry
from nerveceg.errors import NerveCegError
from nerveceg.operation import OperatingPoint
from nerveceg.opinion import Opinion, refuse_nan

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


def predictions_of(
    shapes: Sequence[tuple[int, ...]],
    opinion: Opinion,
    *,
    point: OperatingPoint,
    geometry: Geometry,
) -> list[Prediction]:
    """Predictions for frames of these native sizes; only what may pass reaches the segmenter.

    Raises:
        NerveCegError: a network's output is NaN.
    """
    gate, spread = opinion.presence
    refuse_nan("presence", gate[:, None], range(len(shapes)))
    before = point.before_mask(gate).tolist()
    empty = [np.zeros(shape, dtype=np.bool_) for shape in shapes]
    columns = zip(before, empty, [1 - value for value in before], spread.tolist(), strict=True)
    predictions = [Prediction(*one) for one in columns]
    (asked,) = namespace(gate).nonzero(point.may_pass(gate))
    if not len(asked):
        return predictions
    probability = opinion.probability(asked)
    refuse_nan("mask probability", probability, asked.tolist())
    for row, place in enumerate(asked.tolist()):
        height, width = shapes[place]
        native = geometry.restore(probability[row : row + 1], (height, width))
        decision = point.decide(gate[place : place + 1], native)
        predictions[place] = predictions[place]._replace(
            presence=float(decision.presence[0]),
            mask=to_host(decision.final)[0, 0],
            expected=float(decision.score[0]),
        )
    return predictions


def require_grey(images: Sequence[Grey]) -> None:
    """Stop at an array that is no frame: uint8 [H, W] is wanted."""
    for image in images:
        if image.dtype != np.uint8 or image.ndim != 2:
            raise NerveCegError(
                f"a frame of {image.dtype} {list(image.shape)}: grey levels as uint8 [H, W] "
                "are wanted, or the path of an image file"
            )
