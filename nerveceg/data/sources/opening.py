"""Which kind of file a path is by its first bytes, how many pictures it holds, and each of them."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nerveceg.data.sources import clips, dicom
from nerveceg.data.sources.places import file_of, picture_path, split_path
from nerveceg.errors import DataError

SUFFIXES = (*dicom.SUFFIXES, *clips.SUFFIXES)
"""Of files that aren't images; DICOM files are known without one too."""

RATE = 20.0
_SLOWEST, _FASTEST = 1, 240
_SAME = 0.01
"""Relative difference up to which two spacings are one: scanners round them."""


def holds_pictures(path: Path) -> bool:
    """Whether a path is, or leads inside, a DICOM file or a clip."""
    file = file_of(path)
    return file.suffix.lower() in SUFFIXES or (_may_be_dicom(file) and dicom.is_dicom(file))


def pictures_in(file: Path) -> list[Path]:
    """The paths of a file's pictures in their order; of a single one, the path itself.

    Nothing is decoded. A file that can't be read is one picture: whoever reads it is told why.
    """
    if split_path(file)[1] is not None:
        return [file]
    try:
        count = dicom.count(file) if _is_dicom(file) else clips.count(file)
    except DataError:
        return [file]
    return [picture_path(file, place) for place in range(count)] if count > 1 else [file]


def read_picture(path: Path) -> NDArray[np.uint8]:
    """Grey levels, uint8 [H, W], of a picture in a DICOM file or a clip; others aren't decoded.

    Raises:
        DataError: the file is missing, damaged, too large, no ultrasound, or its extra isn't
            installed; or it holds several pictures and the path names none.
    """
    file, place = split_path(path)
    if not file.is_file():
        raise DataError(f"{file} is no file")
    count, read = (dicom.count, dicom.read) if _is_dicom(file) else (clips.count, clips.read)
    pictures = count(file)
    if place is None and pictures > 1:
        last = picture_path(file, pictures - 1).name
        raise DataError(f"{file} holds {pictures} pictures: name one, {file.name}#000 to {last}")
    if place is not None and place >= pictures:
        raise DataError(
            f"{file} holds {pictures} pictures: there is no #{place:03d}, they count from 0"
        )
    return read(file, place or 0)


def rate_of(file: Path) -> float:
    """Pictures a second of a clip or multi-frame file, `RATE` where it doesn't say or is an image.

    Raises:
        DataError: the file can't be read.
    """
    if not holds_pictures(file):
        return RATE
    rate = dicom.rate(file) if _is_dicom(file) else clips.rate(file)
    return RATE if rate is None or not _SLOWEST <= rate <= _FASTEST else rate


def spacing_mm(path: Path) -> tuple[float, float] | None:
    """Millimetres from row to row and from column to column, where a DICOM file states them."""
    file = file_of(path)
    try:
        return dicom.spacing_mm(file) if holds_pictures(path) and _is_dicom(file) else None
    except DataError:
        return None


def may_show_words(path: Path) -> bool:
    """Whether a DICOM file's pictures may show words, such as a patient's name; others: False."""
    file = file_of(path)
    try:
        return holds_pictures(file) and _is_dicom(file) and dicom.may_show_words(file)
    except DataError:
        return False


def shared_spacing(paths: Iterable[Path]) -> float | None:
    """The side of a pixel in millimetres, if every picture states the same, else None."""
    files = {file_of(path) for path in paths}
    found = [spacing_mm(file) for file in files]
    sides = [side for spacing in found if spacing is not None for side in spacing]
    if None in found or not sides or max(sides) > (1 + _SAME) * min(sides):
        return None
    return sum(sides) / len(sides)


def _is_dicom(file: Path) -> bool:
    if file.suffix.lower() in dicom.SUFFIXES:
        return True
    return file.suffix.lower() not in clips.SUFFIXES


def _may_be_dicom(file: Path) -> bool:
    """Scanners name files IM_0001 or by numbers with dots: no suffix of letters."""
    return not file.suffix[1:].isalpha()
