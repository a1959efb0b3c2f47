"""The ultrasound regions of a DICOM header to the one B-mode picture and its spacing."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from pydicom import Dataset

# PS3.3 C.8.5.5.1: spatial format 1 is a 2D picture, data type 1 tissue, unit 3 centimetres.
_FLAT = 1
_TISSUE = 1
_CENTIMETRES = 3


class Region(NamedTuple):
    """A rectangle of a picture, in pixels."""

    top: int
    left: int
    bottom: int
    """the first row below it"""
    right: int
    """the first column beside it"""
    spacing_mm: tuple[float, float] | None
    """from row to row and from column to column; None where no length is stated"""

    @property
    def area(self) -> int:
        """Pixels in it; 0 or less where nothing of it lies in the picture."""
        return max(self.bottom - self.top, 0) * max(self.right - self.left, 0)

    def cut(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The part of an image, uint8 [H, W], inside."""
        return np.ascontiguousarray(image[self.top : self.bottom, self.left : self.right])


def b_mode_region(dataset: "Dataset", shape: tuple[int, int]) -> Region | None:
    """The largest tissue region within a picture of that height and width; None: none is stated.

    All around it, names and measurements that the scanner wrote into the picture are left out. Its
    area is 0 where none lies in the picture.
    """
    stated = [
        item
        for item in dataset.get("SequenceOfUltrasoundRegions") or ()
        if item.get("RegionSpatialFormat") == _FLAT and item.get("RegionDataType") == _TISSUE
    ]
    if not stated:
        return None
    return max((_region(item, shape) for item in stated), key=lambda each: each.area)


def _region(item: "Dataset", shape: tuple[int, int]) -> Region:
    """The standard names the last row and column inside."""
    return Region(
        max(int(item.RegionLocationMinY0), 0),
        max(int(item.RegionLocationMinX0), 0),
        min(int(item.RegionLocationMaxY1) + 1, shape[0]),
        min(int(item.RegionLocationMaxX1) + 1, shape[1]),
        _spacing(item),
    )


def _spacing(item: "Dataset") -> tuple[float, float] | None:
    units = item.get("PhysicalUnitsXDirection"), item.get("PhysicalUnitsYDirection")
    sides = abs(item.get("PhysicalDeltaY") or 0), abs(item.get("PhysicalDeltaX") or 0)
    if units != (_CENTIMETRES, _CENTIMETRES) or not all(sides):
        return None
    return 10 * float(sides[0]), 10 * float(sides[1])
