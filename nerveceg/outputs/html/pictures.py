"""Frames and maps to pictures that lie within the page as data."""

import base64
import io
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray
from PIL import Image

from nerveceg.outputs.overlays import Grey, Mask, contour

WIDTH = 480
MAP_WIDTH = 348
_QUALITY = 80
# White to dark blue: its brightness alone tells the order, in print and under colour blindness.
_SCALE = ((255, 255, 255), (86, 180, 233), (0, 114, 178), (0, 30, 60))


class Outline(NamedTuple):
    """A mask's contour over a frame."""

    mask: Mask
    """bool [H, W] as the frame"""
    colour: tuple[int, int, int]
    dotted: bool = False


def frame_picture(image: Grey, outlines: Iterable[Outline] = (), *, alt: str) -> Markup:
    """A frame, uint8 [H, W], at most `WIDTH` wide, with contours drawn at the picture's size."""
    height, width = image.shape
    scale = min(1.0, WIDTH / width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    grey = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BOX))
    pixels = np.stack([grey] * 3, axis=-1)
    for outline in outlines:
        mask = Image.fromarray(outline.mask).resize(size, Image.Resampling.NEAREST)
        border = contour(np.asarray(mask))
        pixels[_dots(border) if outline.dotted else border] = outline.colour
    return embedded(Image.fromarray(pixels), alt=alt)


def map_picture(values: NDArray[np.float64], *, most: float, aspect: float, alt: str) -> Markup:
    """A map, [R, C] of 0 to `most`, from white to dark blue; aspect: height by width of frames."""
    shares = np.clip(values / most, 0, 1) * (len(_SCALE) - 1)
    steps = np.arange(len(_SCALE))
    channels = [np.interp(shares, steps, channel) for channel in zip(*_SCALE, strict=True)]
    colours = Image.fromarray(np.stack(channels, axis=-1).round().astype(np.uint8))
    return _small(colours, aspect=aspect, alt=alt)


def grey_picture(values: NDArray[np.float64], *, aspect: float, alt: str) -> Markup:
    """A map of grey levels, [R, C] of 0 to 255."""
    return _small(Image.fromarray(values.round().astype(np.uint8)), aspect=aspect, alt=alt)


def embedded(picture: Image.Image, *, alt: str, kind: str = "jpeg") -> Markup:
    """An `img` whose file is part of the page; alt is text. kind: as of `data_uri`."""
    form = Markup('<img src="{}" alt="{}" width="{}" height="{}">')
    return form.format(data_uri(picture, kind=kind), alt, picture.width, picture.height)


def data_uri(picture: Image.Image, *, kind: str = "jpeg") -> str:
    """A picture as a `data:` address; kind: jpeg, or png, which loses nothing."""
    content = io.BytesIO()
    plain = picture if picture.mode == "L" else picture.convert("RGB")
    # Full colour resolution: thin contours would bleed otherwise.
    plain.save(content, format=kind, quality=_QUALITY, subsampling=0, optimize=True)
    data = base64.b64encode(content.getvalue()).decode("ascii")
    return f"data:image/{kind};base64,{data}"


def _small(picture: Image.Image, *, aspect: float, alt: str) -> Markup:
    size = MAP_WIDTH, max(1, round(MAP_WIDTH * aspect))
    return embedded(picture.resize(size, Image.Resampling.NEAREST), alt=alt, kind="png")


def _dots(border: Mask) -> Mask:
    rows, columns = np.indices(border.shape)
    return border & ((rows + columns) % 8 < 4)
