"""Test-time augmentation: several views of a frame, whose probabilities are averaged."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from nerveceg.arrays import Array, log_sigmoid, log_sum_exp, namespace
from nerveceg.errors import NerveCegError
from nerveceg.resampling import shrink, stretch


@dataclass(frozen=True, kw_only=True)
class View:
    """One way to look at a frame; the defaults are the frame as it is.

    mirrored: left and right exchanged.
    upside_down: top and bottom exchanged.
    scale: of the frame's height and width.
    gamma: exponent of the grey values; below 1 is brighter.
    """

    mirrored: bool = False
    upside_down: bool = False
    scale: float = 1.0
    gamma: float = 1.0

    def __post_init__(self) -> None:
        for name in ("scale", "gamma"):
            value = getattr(self, name)
            if not 0.5 <= value <= 2:
                raise NerveCegError(f"tta.views: {name}={value}, a number in [0.5, 2] is wanted")

    def look(self, image: Array) -> Array:
        """The view of images, float [N, 1, h, w] in [0, 1]; scaled, it has another size."""
        height, width = image.shape[-2:]
        if self.scale != 1:
            size = (round(height * self.scale), round(width * self.scale))
            image = shrink(image, size)
        if self.gamma != 1:
            image = image**self.gamma
        return self._exchange(image)

    def undo(self, mask: Array, size: tuple[int, int] | Sequence[int]) -> Array:
        """Mask logits of a view, float [N, 1, ., .], where the frame has them, [N, 1, *size]."""
        mask = self._exchange(mask)
        if tuple(mask.shape[-2:]) == tuple(size):
            return mask
        height, width = size
        return stretch(mask, (height, width))

    def to_dict(self) -> dict[str, Any]:
        """Plain values for a JSON file."""
        return asdict(self)

    def _exchange(self, pixels: Array) -> Array:
        wanted = {-1: self.mirrored, -2: self.upside_down}
        axes = tuple(axis for axis, exchanged in wanted.items() if exchanged)
        return namespace(pixels).flip(pixels, axis=axes) if axes else pixels


PLAIN = (View(),)
"""The frame as it is, alone."""


def make_views(views: Sequence[Mapping[str, Any]]) -> tuple[View, ...]:
    """Views from plain values, such as those of a JSON file.

    Raises:
        NerveCegError: there is none, or one has an unknown property.
    """
    known = View.__dataclass_fields__
    for view in views:
        for name in view:
            if name not in known:
                raise NerveCegError(f"tta.views names {name!r}: any of {', '.join(known)}")
    if not views:
        raise NerveCegError("tta.views is empty: one view at least is wanted, {} the frame itself")
    return tuple(View(**view) for view in views)


def average_logits(logits: Array) -> Array:
    """The logit of the mean probability over the first axis, float [...]; exact for one view."""
    if len(logits) == 1:
        return logits[0]
    return log_sum_exp(log_sigmoid(logits)) - log_sum_exp(log_sigmoid(-logits))
