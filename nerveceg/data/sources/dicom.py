"""Ultrasound DICOM to grey frames of the B-mode region alone; no other tag leaves this file."""

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nerveceg.data.sources.limits import MOST_PICTURES, MOST_PIXELS
from nerveceg.data.sources.regions import Region, b_mode_region
from nerveceg.errors import DataError
from nerveceg.quiet import quiet

if TYPE_CHECKING:
    from pydicom import Dataset

SUFFIXES = (".dcm", ".dicom")
_ULTRASOUND = ("1.2.840.10008.5.1.4.1.1.6.1", "1.2.840.10008.5.1.4.1.1.3.1")
_DEFLATED = "1.2.840.10008.1.2.1.99"
_GREY = ("MONOCHROME1", "MONOCHROME2")
_COLOURS = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
_PALETTE = "PALETTE COLOR"
_TAGS = [  # all that is ever parsed: no tag of a person is among them
    "SOPClassUID",
    "Modality",
    "NumberOfFrames",
    "FrameTime",
    "CineRate",
    "Rows",
    "Columns",
    "BitsStored",
    "PixelRepresentation",
    "PhotometricInterpretation",
    "SequenceOfUltrasoundRegions",
    "BurnedInAnnotation",
    "EncryptedAttributesSequence",
    "RedPaletteColorLookupTableDescriptor",
    "GreenPaletteColorLookupTableDescriptor",
    "BluePaletteColorLookupTableDescriptor",
    "RedPaletteColorLookupTableData",
    "GreenPaletteColorLookupTableData",
    "BluePaletteColorLookupTableData",
]


class Header(NamedTuple):
    """What is needed to read a file's pictures."""

    pictures: int
    rate: float | None
    """pictures a second, where stated"""
    photometric: str
    bits: int
    region: Region | None
    """the B-mode picture; None: no region is stated, the whole frame counts"""
    words: bool
    """whether words that were burned into the pictures may be left in them"""
    syntax: str
    palette: "Dataset | None"


def is_dicom(file: Path) -> bool:
    """Whether a file begins as DICOM files do."""
    try:
        with file.open("rb") as start:
            return start.read(132)[128:] == b"DICM"
    except OSError:
        return False


def count(file: Path) -> int:
    """How many pictures a file holds.

    Raises:
        DataError: it is no readable ultrasound DICOM file.
    """
    return _header_of(file).pictures


def spacing_mm(file: Path) -> tuple[float, float] | None:
    """Millimetres from row to row and from column to column of the region, where it says so.

    Raises:
        DataError: it is no readable ultrasound DICOM file.
    """
    region = _header_of(file).region
    return region.spacing_mm if region else None


def may_show_words(file: Path) -> bool:
    """Whether names that were burned into the pictures may be left in them.

    They may where no region is stated to cut them off, unless the file says that there are none.

    Raises:
        DataError: it is no readable ultrasound DICOM file.
    """
    return _header_of(file).words


def rate(file: Path) -> float | None:
    """Pictures a second, None where the file doesn't say.

    Raises:
        DataError: it is no readable ultrasound DICOM file.
    """
    return _header_of(file).rate


def read(file: Path, place: int) -> NDArray[np.uint8]:
    """Grey levels, uint8 [H, W], of one picture's B-mode region; colours become luminance.

    Raises:
        DataError: it is no readable ultrasound DICOM file.
    """
    header = _header_of(file)
    grey = _grey(_pixels(file, place, header), header)
    return grey if header.region is None else header.region.cut(grey)


def _header_of(file: Path) -> Header:
    try:
        stated = file.stat()
    except OSError as error:
        raise DataError(f"{file} can't be read: {error.strerror}") from error
    return _header(file, stated.st_mtime_ns, stated.st_size)


@lru_cache(maxsize=64)
def _header(file: Path, _changed: int, _size: int) -> Header:
    if not is_dicom(file):
        raise DataError(f"{file} can't be read: it is no DICOM file, or it is encrypted")
    try:
        with quiet():  # pydicom's notes quote values
            return _facts(_parse(file))
    except _Refused as error:
        raise DataError(f"{file} can't be read: {error}") from None
    except Exception:  # what pydicom says of damaged bytes may quote a patient's tags
        raise DataError(f"{file} can't be read: its DICOM header is damaged") from None


def _facts(dataset: "Dataset") -> Header:
    _refuse_strangers(dataset)
    region = b_mode_region(dataset, (int(dataset.Rows), int(dataset.Columns)))
    if region is not None and not region.area:
        raise _Refused("its ultrasound region lies outside its picture")
    return Header(
        pictures=int(dataset.get("NumberOfFrames") or 1),
        rate=_rate(dataset),
        photometric=dataset.PhotometricInterpretation,
        bits=int(dataset.BitsStored),
        region=region,
        words=region is None and dataset.get("BurnedInAnnotation") != "NO",
        syntax=dataset.file_meta.TransferSyntaxUID.name,
        palette=dataset if dataset.PhotometricInterpretation == _PALETTE else None,
    )


def _parse(file: Path) -> "Dataset":
    try:
        from pydicom import dcmread
        from pydicom.filereader import read_file_meta_info
    except ImportError:
        raise _Refused("DICOM wants an extra, pip install 'nerveceg[dicom]'") from None
    if read_file_meta_info(file).TransferSyntaxUID == _DEFLATED:
        raise _Refused("its header is deflated and could be of any size: save it uncompressed")
    return dcmread(file, specific_tags=[*_TAGS], stop_before_pixels=True)


class _Refused(Exception):  # noqa: N818 - never leaves this file
    """A complaint without its file's name."""


def _refuse_strangers(dataset: "Dataset") -> None:
    modality = str(dataset.get("Modality") or "unknown")
    if modality != "US" and dataset.get("SOPClassUID") not in _ULTRASOUND:
        raise _Refused(f"its modality is {modality[:16]}: ultrasound, US, is wanted")
    if "Rows" not in dataset:
        secret = "EncryptedAttributesSequence" in dataset
        raise _Refused("it is encrypted" if secret else "it holds no pixels")
    height, width = int(dataset.Rows), int(dataset.Columns)
    if not 0 < height * width <= MOST_PIXELS:
        raise _Refused(f"it claims {width} x {height} pixels, at most {MOST_PIXELS:,} are read")
    pictures = int(dataset.get("NumberOfFrames") or 1)
    if not 0 < pictures <= MOST_PICTURES:
        raise _Refused(f"it claims {pictures:,} pictures: 1 to {MOST_PICTURES:,} are read")
    known = (*_GREY, *_COLOURS, _PALETTE)
    if dataset.PhotometricInterpretation not in known:
        raise _Refused(f"its photometric interpretation is none of {', '.join(known)}")
    if dataset.get("PixelRepresentation") == 1:
        raise _Refused("its grey levels are signed numbers: ultrasound has unsigned ones")


def _rate(dataset: "Dataset") -> float | None:
    milliseconds = float(dataset.get("FrameTime") or 0)
    if milliseconds > 0:
        return 1000 / milliseconds
    return float(dataset.get("CineRate") or 0) or None


def _pixels(file: Path, place: int, header: Header) -> NDArray[Any]:
    from pydicom.pixels.utils import pixel_array

    try:
        with file.open("rb") as handle, quiet(raised=Image.DecompressionBombWarning):
            return pixel_array(handle, index=place)
    except Exception:  # as above: pydicom's own words may quote tags
        raise DataError(
            f"{file} can't be read: picture {place} is missing, damaged or packed in a way that "
            f"wants another decoder ({header.syntax}; JPEG-LS wants pyjpegls, other JPEG pylibjpeg)"
        ) from None


def _grey(pixels: NDArray[Any], header: Header) -> NDArray[np.uint8]:
    if header.photometric == _PALETTE:
        from pydicom.pixels.processing import apply_color_lut

        pixels = apply_color_lut(pixels, header.palette)
        deep = pixels.dtype.itemsize > 1
        return _luminance(_eight_bits(pixels, 16) if deep else pixels)
    levels = _eight_bits(pixels, header.bits)
    if header.photometric == "MONOCHROME1":
        return 255 - levels
    return levels if header.photometric == "MONOCHROME2" else _luminance(levels)


def _eight_bits(values: NDArray[Any], bits: int) -> NDArray[np.uint8]:
    full = 2**bits - 1
    kept = values.astype(np.uint32) & np.uint32(full)  # overlays may hide in the bits above
    scaled: NDArray[np.uint32] = (kept * np.uint32(255) + np.uint32(full // 2)) // np.uint32(full)
    return scaled.astype(np.uint8)


def _luminance(colours: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.array(Image.fromarray(np.ascontiguousarray(colours), mode="RGB").convert("L"))
