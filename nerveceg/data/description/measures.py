"""One frame's pixels and mask to the numbers that describe it."""

import hashlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from nerveceg.data.frames import Frame
from nerveceg.data.images import FORMATS, digest_of
from nerveceg.data.sources import file_of, holds_pictures, may_show_words

Grey = NDArray[np.uint8]
Mask = NDArray[np.bool_]

# Black to the eye: the furniture around a scanner's picture, and JPEG's noise in it.
BLACK = 8
_DEPTHS = {
    "1": "1 bit",
    "L": "8-bit grey",
    "LA": "8-bit grey with transparency",
    "P": "8-bit palette",
    "RGB": "8-bit colour",
    "RGBA": "8-bit colour with transparency",
    "CMYK": "8-bit CMYK",
    "I": "32-bit grey",
}


class Border(NamedTuple):
    """Rows and columns at the edges of a frame that are black all along, in pixels."""

    top: int
    right: int
    bottom: int
    left: int


class Drawn(NamedTuple):
    """A mask with the nerve."""

    area: int
    """pixels"""
    row: float
    """of the centroid, 0 at the top to 1 at the bottom of the frame"""
    column: float
    """of the centroid, 0 at the left to 1 at the right"""
    pieces: int
    """components that don't touch, not even at corners"""
    at_edge: bool
    """whether it reaches the frame's edge"""


class Measured(NamedTuple):
    """What one readable frame measures."""

    frame: Frame
    height: int
    width: int
    kind: str
    """bit depth and file format, such as "8-bit grey TIFF" """
    words: bool
    """whether words burned into it, such as a name, may still be there"""
    grey: float
    """mean of the grey levels, 0 to 255"""
    contrast: float
    """their standard deviation"""
    black: float
    """share of pixels at 0"""
    white: float
    """share of pixels at 255"""
    border: Border
    bytes_digest: str
    """the same for files that are equal byte by byte"""
    pixels_digest: str
    """the same for frames whose grey levels are equal, in whatever file"""
    present: bool | None
    """whether the truth shows the nerve; None where it isn't known or can't be read"""
    drawn: Drawn | None
    """of the nerve's mask; None without one"""


class Unread(NamedTuple):
    """A file that can't be used, and why."""

    frame: Frame
    part: str
    """image or mask: a frame without its mask is still measured"""
    reason: str


def measure_frame(frame: Frame, image: Grey, truth: Mask | None) -> Measured:
    """The numbers of one frame: image uint8 [H, W], truth bool [H, W] or None where unknown.

    Raises:
        DataError: the image file can't be read again.
    """
    height, width = image.shape
    return Measured(
        frame=frame,
        height=height,
        width=width,
        kind=kind_of(frame.image),
        words=may_show_words(frame.image),
        grey=float(image.mean()),
        contrast=float(image.std()),
        black=float(np.mean(image == 0)),
        white=float(np.mean(image == 255)),
        border=black_border(image),
        bytes_digest=digest_of(frame.image),
        pixels_digest=_digest(image),
        present=None if truth is None else bool(truth.any()),
        drawn=None if truth is None else measure_mask(truth),
    )


def measure_mask(mask: Mask) -> Drawn | None:
    """Area, centroid and pieces of a mask, bool [H, W]; None for an empty one."""
    rows, columns = np.nonzero(mask)
    if not rows.size:
        return None
    height, width = mask.shape
    edge = (rows == 0) | (columns == 0) | (rows == height - 1) | (columns == width - 1)
    return Drawn(
        area=int(rows.size),
        row=float((rows.mean() + 0.5) / height),
        column=float((columns.mean() + 0.5) / width),
        pieces=int(ndimage.label(mask, structure=np.ones((3, 3)))[1]),
        at_edge=bool(edge.any()),
    )


def black_border(image: Grey) -> Border:
    """Edges of a frame, uint8 [H, W], without a pixel above `BLACK`; all 0 where all is black."""
    rows = np.flatnonzero(image.max(axis=1) > BLACK)
    columns = np.flatnonzero(image.max(axis=0) > BLACK)
    if not rows.size:
        return Border(0, 0, 0, 0)
    height, width = image.shape
    return Border(
        top=int(rows[0]),
        right=width - 1 - int(columns[-1]),
        bottom=height - 1 - int(rows[-1]),
        left=int(columns[0]),
    )


def kind_of(path: Path) -> str:
    """Bit depth and format of an image file, from its header; of DICOM and clips what they are."""
    if holds_pictures(path):
        return file_of(path).suffix.lstrip(".").upper() or "DICOM"
    with Image.open(path, formats=FORMATS) as image:
        mode, name = image.mode, image.format
    depth = "16-bit grey" if mode.startswith("I;16") else _DEPTHS.get(mode, mode)
    return f"{depth} {name}"


def _digest(image: Grey) -> str:
    content = hashlib.blake2b(repr(image.shape).encode(), digest_size=8)
    content.update(image.tobytes())
    return content.hexdigest()
