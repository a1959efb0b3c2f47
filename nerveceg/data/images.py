"""Image and mask files to pixels, strictly: what is damaged, too large or no mask is refused."""

import hashlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, TiffImagePlugin, UnidentifiedImageError

from nerveceg.data.runlength import decode_runs
from nerveceg.data.sources import holds_pictures, read_picture
from nerveceg.data.sources.limits import MOST_PIXELS
from nerveceg.data.sources.places import split_path
from nerveceg.errors import DataError
from nerveceg.quiet import quiet

if TYPE_CHECKING:
    from nerveceg.data.frames import Frame

FORMATS = ("TIFF", "PNG", "JPEG", "BMP")
MOST_PAGES = 100
"""Of a file that is refused for its pages are counted."""

_DEEP = ("I", "I;16", "I;16B", "I;16L", "I;16N")


def read_image(path: Path) -> NDArray[np.uint8]:
    """Grey levels, uint8 [H, W], of a TIFF, PNG, JPEG or BMP file, upright as its EXIF tag says.

    Or of a picture in an ultrasound DICOM file or a clip, as `sources.read_picture` gives it.
    Colours become luminance (ITU-R 601), transparency is ignored. Of 16 bits the smallest full
    scale that holds the brightest pixel counts, 255, 4095 or 65535: scanners write 8 and 12 bits
    into 16, and the skin line of a B-mode frame is bright.

    Raises:
        DataError: the file is missing, damaged, cut short, of another kind, of several pages, or
            has more than `MOST_PIXELS` pixels.
    """
    return read_picture(path) if holds_pictures(path) else _read(path, _grey)


def size_of(path: Path) -> tuple[int, int]:
    """Height and width of what `read_image` gives; of an image file only the header is read.

    Raises:
        DataError: as `read_image`.
    """
    if holds_pictures(path):
        height, width = read_picture(path).shape
        return height, width
    height, width = _read(path, _size, upright=False)
    return int(height), int(width)


def read_mask(frame: "Frame", shape: tuple[int, int]) -> NDArray[np.bool_]:
    """True mask of a frame, bool [H, W] of its image's `shape`.

    Raises:
        DataError: the truth is unknown, of another size, or `read_mask_file` refuses the file.
    """
    if frame.mask is None:
        raise unknown_truth(frame)
    if isinstance(frame.mask, str):
        try:
            return decode_runs(frame.mask, shape)
        except DataError as error:
            raise DataError(f"mask of {frame.image}: {error}") from error
    mask = read_mask_file(frame.mask)
    if mask.shape != shape:
        raise DataError(
            f"mask {frame.mask} has {mask.shape[0]} rows x {mask.shape[1]} columns, its image "
            f"{frame.image} {shape[0]} x {shape[1]}: they must match"
        )
    return mask


def read_mask_file(path: Path) -> NDArray[np.bool_]:
    """Mask, bool [H, W], of a file with 1, 8 or 16 bits, grey or with equal colour channels.

    Raises:
        DataError: as `read_image`, or the pixels hold more than 0 and one other value, or it is a
            JPEG file, which blurs edges.
    """
    return _read(path, _two_valued)


def unknown_truth(frame: "Frame") -> DataError:
    """The error for a frame whose truth is asked for and unknown."""
    return DataError(
        f"{frame.image} has no mask: put {Path(frame.id).name}_mask.png beside it, or name "
        "data.mask_folder or data.table"
    )


def digest_of(path: Path) -> str:
    """BLAKE2b of a file's bytes, 16 hex characters: the same frame under any name.

    Of a picture inside a file: of the file's digest and the picture's place.

    Raises:
        DataError: the file can't be read.
    """
    file, place = split_path(path)
    try:
        state = file.stat()
        whole = _digest(file, state.st_mtime_ns, state.st_size)
    except OSError as error:
        raise DataError(f"{path} can't be read: {error.strerror}") from error
    if place is None:
        return whole
    return hashlib.blake2b(f"{whole}#{place}".encode(), digest_size=8).hexdigest()


@lru_cache(maxsize=8)  # the pictures of a clip come one after the other
def _digest(path: Path, _changed: int, _size: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=8)).hexdigest()


def _read(
    path: Path, pixels_of: Callable[[Image.Image], NDArray[Any]], *, upright: bool = True
) -> NDArray[Any]:
    if path.exists() and not path.is_file():
        raise DataError(f"{path} is no file")
    try:
        # Given a path, Pillow 13 garbles uncompressed TIFF files with an orientation; a handle not.
        # Quiet of notes on tags; the pixels are checked by themselves.
        with (
            path.open("rb") as file,
            quiet(raised=Image.DecompressionBombWarning),
            Image.open(file, formats=FORMATS) as image,
        ):
            _refuse_giants(image)
            _refuse_pages(image)
            _refuse_gaps(image)
            if upright:
                ImageOps.exif_transpose(image, in_place=True)
            return pixels_of(image)
    except Exception as error:  # Pillow answers damaged bytes with errors of any class
        raise DataError(f"{path} can't be read as an image: {_reason(error)}") from error


def _refuse_giants(image: Image.Image) -> None:
    if image.width * image.height > MOST_PIXELS:
        size = f"{image.width} x {image.height}"
        raise ValueError(f"it claims {size} pixels, at most {MOST_PIXELS:,} are read")


def _refuse_pages(image: Image.Image) -> None:
    pages = _pages(image)
    if pages > 1:
        more = "or more " if pages == MOST_PAGES else ""
        raise ValueError(f"it holds {pages} {more}pages: save each frame as a file of its own")


def _refuse_gaps(image: Image.Image) -> None:
    """Of strips that a TIFF file doesn't list, Pillow would make black rows."""
    tiles = image.tile if isinstance(image, TiffImagePlugin.TiffImageFile) else []
    ends = [tile.extents[2:] for tile in tiles if tile.extents]
    if ends:
        # As an area, since an orientation may already have changed width for height.
        area, claimed = np.prod(np.max(ends, axis=0)), image.width * image.height
        if area < claimed:
            raise ValueError(f"it claims {claimed:,} pixels, and lists strips of {area:,}")


def _pages(image: Image.Image) -> int:
    """How many pages a file holds, up to `MOST_PAGES`."""
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return int(getattr(image, "n_frames", 1))
    # Pillow's own count follows a chain of any length, and a small file can hold a very long one.
    page = 0
    try:
        while page < MOST_PAGES - 1:
            image.seek(page + 1)
            page += 1
    except EOFError:
        pass
    image.seek(0)
    return page + 1


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "it is no TIFF, PNG, JPEG or BMP file, or its header is damaged"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split()) or type(error).__name__


def _size(image: Image.Image) -> NDArray[np.int64]:
    """Height and width as the EXIF tag turns them: 5 to 8 lay the picture on its side."""
    lying = image.getexif().get(ExifTags.Base.Orientation) in (5, 6, 7, 8)
    lying = lying and image.format != "TIFF"  # whose size Pillow has turned already
    return np.array(image.size if lying else image.size[::-1])


def _grey(image: Image.Image) -> NDArray[np.uint8]:
    if image.mode in _DEEP:
        return _eight_bits(np.array(image))
    if image.mode == "F":
        raise ValueError("its pixels are floating point numbers: save it with 8 or 16 bits")
    return np.array(image.convert("L"))


def _eight_bits(values: NDArray[Any]) -> NDArray[np.uint8]:
    darkest, brightest = int(values.min()), int(values.max())
    if darkest < 0 or brightest > 65535:
        raise ValueError(f"its pixels run from {darkest} to {brightest}: 8 or 16 bits are wanted")
    full = next(full for full in (255, 4095, 65535) if brightest <= full)
    # By a table: the same sum for every pixel would take nine times the picture's memory.
    levels = ((np.arange(full + 1, dtype=np.uint32) * 255 + full // 2) // full).astype(np.uint8)
    return np.asarray(levels[values])


def _two_valued(image: Image.Image) -> NDArray[np.bool_]:
    if image.format == "JPEG":
        raise ValueError("JPEG blurs the edge of a mask: save it as PNG or TIFF")
    values = _one_channel(image)
    mask: NDArray[np.bool_] = values != 0
    if np.count_nonzero(values == values.max()) != np.count_nonzero(mask) and mask.any():
        found = np.unique(values)
        listed = ", ".join(map(str, found[:4])) + (", ..." if found.size > 4 else "")
        raise ValueError(f"its values are {listed}: a mask is 0 outside and 255 (or 1) inside")
    return mask


def _one_channel(image: Image.Image) -> NDArray[Any]:
    if image.mode in ("1", "L", *_DEEP):
        return np.array(image)
    channels = np.array(image.convert("RGBA"))
    if not (channels[..., :3] == channels[..., :1]).all() or not (channels[..., 3] == 255).all():
        raise ValueError("it is coloured or transparent: a mask is grey, 0 outside and 255 inside")
    return channels[..., 0]
