"""One invertible crop, resize and pad: frames to the networks' size, probabilities back."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from nerveceg.errors import NerveCegError


@dataclass(frozen=True, kw_only=True)
class Geometry:
    """Centre crop, resize that keeps the aspect, pad at the right and the bottom.

    size: height and width in pixels that the networks see.
    crop: height and width of the centre crop in native pixels, or None to keep the whole frame;
        a frame smaller than the crop keeps its own extent.
    """

    size: tuple[int, int] = (256, 352)
    crop: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        _require_pair("size", self.size)
        if self.crop is not None:
            _require_pair("crop", self.crop)
        object.__setattr__(self, "size", tuple(self.size))
        object.__setattr__(self, "crop", None if self.crop is None else tuple(self.crop))

    def forward(self, frames: Tensor) -> Tensor:
        """Frames of one native size, uint8 [N, 1, H, W], to uint8 [N, 1, h, w] of `size`.

        Rounds to whole grey levels, so that training and inference see the same bytes.
        """
        top, left, height, width = self._box(frames.shape[-2:])
        cropped = frames[..., top : top + height, left : left + width]
        inner = self._inner((height, width))
        if inner != (height, width):
            resized = functional.interpolate(
                cropped.float(), size=inner, mode="bilinear", antialias=True
            )
            cropped = resized.round_().clamp_(0, 255).to(torch.uint8)
        return functional.pad(cropped, (0, self.size[1] - inner[1], 0, self.size[0] - inner[0]))

    def forward_mask(self, masks: Tensor) -> Tensor:
        """Masks, bool [N, 1, H, W], to bool [N, 1, h, w]: a pixel is set where half of it is."""
        return self.forward(masks.to(torch.uint8) * 255) >= 128

    def restore(self, probability: Tensor, native: tuple[int, int]) -> Tensor:
        """Probabilities, float [N, 1, h, w], at native pixels, [N, 1, H, W]; 0 outside the crop."""
        top, left, height, width = self._box(native)
        rows, columns = self._inner((height, width))
        inner = probability[..., :rows, :columns]
        if (rows, columns) != (height, width):
            inner = functional.interpolate(
                inner, size=(height, width), mode="bilinear", antialias=False
            )
        below, right = native[0] - top - height, native[1] - left - width
        return functional.pad(inner, (left, right, top, below))

    def to_dict(self) -> dict[str, Any]:
        """Plain values for a JSON file."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Geometry":
        """The geometry that `to_dict` described."""
        return cls(size=values["size"], crop=values["crop"])

    def _box(self, native: tuple[int, int] | torch.Size) -> tuple[int, int, int, int]:
        height, width = native if self.crop is None else map(min, native, self.crop)
        return (native[0] - height) // 2, (native[1] - width) // 2, height, width

    def _inner(self, cropped: tuple[int, int]) -> tuple[int, int]:
        scale = min(self.size[0] / cropped[0], self.size[1] / cropped[1])
        height, width = (round(extent * scale) for extent in cropped)
        return max(1, min(height, self.size[0])), max(1, min(width, self.size[1]))


def _require_pair(name: str, value: object) -> None:
    extents = value if isinstance(value, list | tuple) else ()
    if len(extents) != 2 or not all(isinstance(e, int) and e > 0 for e in extents):
        raise NerveCegError(
            f"data.geometry.{name}={value} is no frame size: [height, width] is wanted"
        )
