"""One invertible crop, resize and pad: frames to the networks' size, probabilities back."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from nerveceg.arrays import Array, device, namespace
from nerveceg.errors import NerveCegError
from nerveceg.resampling import shrink, stretch

HALF = 0.5 + 2**-30
"""A value that lies between two grey levels goes up, however its last digits were rounded."""


@dataclass(frozen=True, kw_only=True)
class Geometry:
    """Crop, resize that keeps the aspect, pad at the right and the bottom.

    size: height and width in pixels that the networks see.
    crop: height and width of the crop in native pixels, or None to keep the whole frame;
        a frame smaller than the crop keeps its own extent.
    corner: top and left of the crop in native pixels, or None to centre it; a crop that would
        reach beyond a frame is moved back inside it.
    """

    size: tuple[int, int] = (256, 352)
    crop: tuple[int, int] | None = None
    corner: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        _require_pair("size", self.size, least=1, wanted="frame size: [height, width]")
        if self.crop is not None:
            _require_pair("crop", self.crop, least=1, wanted="frame size: [height, width]")
        if self.corner is not None:
            _require_pair("corner", self.corner, least=0, wanted="corner of a crop: [top, left]")
            if self.crop is None:
                raise NerveCegError(
                    f"data.geometry.corner={self.corner} without a crop: give data.geometry.crop="
                    "[height, width] beside it, or data.geometry.corner=null"
                )
        for name in ("size", "crop", "corner"):
            pair = getattr(self, name)
            object.__setattr__(self, name, None if pair is None else tuple(pair))

    def forward(self, frames: Array) -> Array:
        """Frames of one native size, uint8 [N, 1, H, W], to uint8 [N, 1, h, w] of `size`.

        Rounds to whole grey levels, from float64, so that training and inference see the same
        bytes, with torch or without.
        """
        top, left, height, width = self._box(frames.shape[-2:])
        cropped = frames[..., top : top + height, left : left + width]
        inner = self._inner((height, width))
        if inner != (height, width):
            xp = namespace(frames)
            resized = shrink(xp.astype(cropped, xp.float64), inner)
            cropped = xp.astype(xp.floor(resized + HALF), xp.uint8)
        return _framed(cropped, self.size)

    def forward_mask(self, masks: Array) -> Array:
        """Masks, bool [N, 1, H, W], to bool [N, 1, h, w]: a pixel is set where half of it is."""
        return self.forward(namespace(masks).astype(masks, namespace(masks).uint8) * 255) >= 128

    def restore(self, probability: Array, native: tuple[int, int]) -> Array:
        """Probabilities, float [N, 1, h, w], at native pixels, [N, 1, H, W]; 0 outside the crop."""
        top, left, height, width = self._box(native)
        rows, columns = self._inner((height, width))
        inner = probability[..., :rows, :columns]
        if (rows, columns) != (height, width):
            inner = stretch(inner, (height, width))
        return _framed(inner, native, corner=(top, left))

    def to_dict(self) -> dict[str, Any]:
        """Plain values for a JSON file; without a corner as before there were any."""
        values = asdict(self)
        return values if self.corner else {name: values[name] for name in ("size", "crop")}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Geometry":
        """The geometry that `to_dict` described."""
        return cls(size=values["size"], crop=values["crop"], corner=values.get("corner"))

    def extent(self, native: tuple[int, int]) -> tuple[int, int]:
        """Rows and columns of `size` that a frame of H x W pixels fills; the rest is padding."""
        return self._inner(self._box(native)[2:])

    def _box(self, native: tuple[int, ...]) -> tuple[int, int, int, int]:
        height, width = native if self.crop is None else map(min, native, self.crop)
        below, right = native[0] - height, native[1] - width
        if self.corner is None:
            return below // 2, right // 2, height, width
        return min(self.corner[0], below), min(self.corner[1], right), height, width

    def _inner(self, cropped: tuple[int, int]) -> tuple[int, int]:
        scale = min(self.size[0] / cropped[0], self.size[1] / cropped[1])
        height, width = (round(extent * scale) for extent in cropped)
        return max(1, min(height, self.size[0])), max(1, min(width, self.size[1]))


def _framed(pixels: Array, size: tuple[int, int], corner: tuple[int, int] = (0, 0)) -> Array:
    """Pixels [N, 1, h, w] with their upper left at `corner` of zeros [N, 1, *size]."""
    height, width = pixels.shape[-2:]
    if (height, width) == tuple(size):
        return pixels
    framed: Array = namespace(pixels).zeros(
        (*pixels.shape[:2], *size), dtype=pixels.dtype, device=device(pixels)
    )
    framed[..., corner[0] : corner[0] + height, corner[1] : corner[1] + width] = pixels
    return framed


def _require_pair(name: str, value: object, *, least: int, wanted: str) -> None:
    numbers = value if isinstance(value, list | tuple) else ()
    if len(numbers) != 2 or not all(isinstance(n, int) and n >= least for n in numbers):
        raise NerveCegError(f"data.geometry.{name}={value} is no {wanted} is wanted")
