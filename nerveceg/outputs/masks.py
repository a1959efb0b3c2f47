"""Masks to files and back: PNG or TIFF at native size, and Kaggle's run-length CSV."""

import zlib
from collections.abc import Callable, Collection
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nerveceg.data.frames import natural_key
from nerveceg.data.runlength import decode_runs
from nerveceg.data.tables import read_table, require_columns
from nerveceg.errors import DataError, NerveCegError
from nerveceg.files import replacing

KAGGLE_SHAPE = (420, 580)
KAGGLE_TEST_FRAMES = 5508
# Run lengths are what a mask compresses by: a third faster than PNG's default, and smaller.
_FORMATS: dict[str, tuple[str, dict[str, Any]]] = {
    ".png": ("PNG", {"compress_type": zlib.Z_RLE}),
    ".tif": ("TIFF", {"compression": "tiff_lzw"}),
}
_FORMATS[".tiff"] = _FORMATS[".tif"]


def write_mask(path: Path, mask: NDArray[np.bool_]) -> None:
    """Write a mask, bool [H, W], as 8-bit grey, 0 and 255: PNG or TIFF (LZW) by the suffix.

    Raises:
        NerveCegError: another suffix.
    """
    if path.suffix.lower() not in _FORMATS:
        raise NerveCegError(f"{path}: masks are written as .png, .tif or .tiff")
    form, options = _FORMATS[path.suffix.lower()]
    picture = Image.fromarray(mask.astype(np.uint8) * np.uint8(255))
    with replacing(path) as beside:
        picture.save(beside, format=form, **options)


def write_submission(path: Path, ids: Collection[str], runs_of: Callable[[str], str]) -> None:
    """Write frame ids and run-length strings as Kaggle's CSV `img,pixels`, ids in numeric order.

    runs_of: an id's string; asked for one at a time, as the file is written.

    Raises:
        NerveCegError: an id stands twice.
    """
    ordered = sorted(ids, key=natural_key)
    for frame, following in pairwise(ordered):
        if frame == following:
            raise NerveCegError(f"{path}: frame {frame} would stand there twice")
    with replacing(path) as beside, beside.open("w", encoding="utf-8", newline="") as file:
        file.write("img,pixels\n")
        file.writelines(f"{frame},{runs_of(frame)}\n" for frame in ordered)


def read_submission(path: Path) -> dict[str, str]:
    """Run-length strings by frame id, in the file's order.

    Raises:
        DataError: it is no CSV file of the columns img and pixels, or an id stands twice.
    """
    rows = read_table(path)
    require_columns(rows, ("img", "pixels"))
    runs: dict[str, str] = {}
    for row in rows:
        if row.cells["img"] in runs:
            raise row.error(f"frame {row.cells['img']} stands in a row above already")
        runs[row.cells["img"]] = row.cells["pixels"]
    return runs


def check_submission(
    path: Path, *, frames: int = KAGGLE_TEST_FRAMES, shape: tuple[int, int] = KAGGLE_SHAPE
) -> None:
    """Check that Kaggle would take a file: ids 1 to `frames` in order, runs that fit `shape`.

    Raises:
        DataError: names the first row that doesn't fit.
    """
    runs = read_submission(path)
    for wanted, found in zip(range(1, frames + 1), runs, strict=False):
        if found != str(wanted):
            raise DataError(f"{path}: frame {found} stands where {wanted} is wanted")
    if len(runs) != frames:
        raise DataError(f"{path} has {len(runs)} rows: {frames} are wanted")
    for frame, pixels in runs.items():
        try:
            decode_runs(pixels, shape)
        except DataError as error:
            raise DataError(f"{path}, frame {frame}: {error}") from error
