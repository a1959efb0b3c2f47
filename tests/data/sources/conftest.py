from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

PATIENT = "Doe^Jane"
NUMBER = "ID-4711-SECRET"
SINGLE = "1.2.840.10008.5.1.4.1.1.6.1"
EXPLICIT = "1.2.840.10008.1.2.1"


def region(left: int, top: int, right: int, bottom: int, **changes: Any) -> Any:
    from pydicom import Dataset

    item = Dataset()
    stated = {
        "RegionSpatialFormat": 1,
        "RegionDataType": 1,
        "RegionFlags": 0,
        "RegionLocationMinX0": left,
        "RegionLocationMinY0": top,
        "RegionLocationMaxX1": right,
        "RegionLocationMaxY1": bottom,
        "PhysicalUnitsXDirection": 3,
        "PhysicalUnitsYDirection": 3,
        "PhysicalDeltaX": 0.008,
        "PhysicalDeltaY": 0.008,
    }
    for name, value in (stated | changes).items():
        setattr(item, name, value)
    return item


@pytest.fixture
def make_region() -> Callable[..., Any]:
    pytest.importorskip("pydicom", reason="the extra nerveceg[dicom] isn't installed")
    return region


@pytest.fixture
def write_dicom() -> Callable[..., Path]:
    """Writes uint8 or uint16 pixels, [H, W], [N, H, W] or [N, H, W, 3], of the planted patient."""
    pytest.importorskip("pydicom", reason="the extra nerveceg[dicom] isn't installed")
    return _write_dicom


def _write_dicom(
    path: Path,
    pixels: NDArray[Any],
    *,
    colours: bool = False,
    syntax: str = EXPLICIT,
    preamble: bytes = b"\0" * 128,
    **changes: Any,
) -> Path:
    from pydicom import Dataset
    from pydicom.dataset import FileMetaDataset

    data, meta = Dataset(), FileMetaDataset()
    meta.TransferSyntaxUID = syntax
    meta.MediaStorageSOPClassUID = SINGLE
    meta.MediaStorageSOPInstanceUID = "1.2.3"
    shape = pixels.shape[:-1] if colours else pixels.shape
    bits = pixels.dtype.itemsize * 8
    if len(shape) == 3:
        data.NumberOfFrames = shape[0]
    stated = {
        "SOPClassUID": SINGLE,
        "SOPInstanceUID": "1.2.3",
        "Modality": "US",
        "PatientName": PATIENT,
        "PatientID": NUMBER,
        "Rows": shape[-2],
        "Columns": shape[-1],
        "SamplesPerPixel": 3 if colours else 1,
        "PhotometricInterpretation": "RGB" if colours else "MONOCHROME2",
        "BitsAllocated": bits,
        "BitsStored": bits,
        "HighBit": bits - 1,
        "PixelRepresentation": 0,
        "PixelData": pixels.tobytes() + b"\0" * (pixels.nbytes % 2),
    }
    if colours:
        stated["PlanarConfiguration"] = 0
    for name, value in (stated | changes).items():
        if value is None:
            continue
        setattr(data, name, value)
    data["PixelData"].VR = "OB" if bits == 8 else "OW"
    data.file_meta, data.preamble = meta, preamble
    data.save_as(path, enforce_file_format=True)
    return path


@pytest.fixture
def write_clip() -> Callable[..., Path]:
    """Writes grey pictures, uint8 [N, H, W], as a clip whose compression keeps grey levels."""
    pytest.importorskip("av", reason="the extra nerveceg[video] isn't installed")
    return _write_clip


def _write_clip(path: Path, pictures: NDArray[np.uint8], *, codec: str = "ffv1") -> Path:
    import av

    form = "gray" if codec == "ffv1" else "yuv420p"
    with av.open(path, "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.height, stream.width, stream.pix_fmt = *pictures.shape[1:], form
        for picture in pictures:
            frame = av.VideoFrame.from_ndarray(picture, format="gray")
            container.mux(stream.encode(frame.reformat(format=form)))
        container.mux(stream.encode())
    return path
