"""Files of strangers: known by their first bytes, refused in one sentence, deleted after use."""

import numpy as np
import pytest
from PIL import Image

from nerveceg.data.images import read_image
from nerveceg.errors import DataError
from nerveceg.outputs.app import PageSettings
from nerveceg.outputs.app.uploads import take_upload
from nerveceg.outputs.movie import write_movie

SETTINGS = PageSettings(largest_upload=1, longest_clip=5)


def take(file, folder):
    return take_upload(file, into=folder, settings=SETTINGS)


def write_dicom(path, *, pictures, modality="US"):
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, UltrasoundMultiFrameImageStorage

    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = UltrasoundMultiFrameImageStorage if modality == "US" else "1.2.3"
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.Modality, dataset.PhotometricInterpretation = modality, "MONOCHROME2"
    dataset.PatientName = "Secret^Name"
    dataset.Rows = dataset.Columns = 32
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.SamplesPerPixel, dataset.PixelRepresentation = 7, 1, 0
    dataset.NumberOfFrames = pictures
    dataset.PixelData = bytes(32 * 32 * min(pictures, 10))
    dataset.save_as(path, enforce_file_format=True)
    return path


@pytest.mark.parametrize("suffix", [".tif", ".png", ".jpg", ".bmp"])
def test_an_image_is_taken_under_a_name_of_ours_whatever_it_is_called(tmp_path, suffix):
    levels = np.full((20, 30), 128, np.uint8)
    Image.fromarray(levels).save(tmp_path / f"a{suffix}")
    file = (tmp_path / f"a{suffix}").rename(tmp_path / "<b>neck.mp4")
    upload = take(file, tmp_path / "kept")
    assert upload.name == "<b>neck.mp4"
    assert upload.pictures[0].name == f"upload{suffix}"
    np.testing.assert_array_equal(read_image(upload.pictures[0]), levels)
    assert not file.exists()
    upload.delete()
    assert not list((tmp_path / "kept").iterdir())


def test_a_clip_and_a_dicom_file_hold_their_pictures(tmp_path):
    frames = [Image.new("RGB", (64, 48), (k, k, k)) for k in (0, 80, 160)]
    write_movie(tmp_path / "clip.mp4", frames, rate=10)
    clip = take((tmp_path / "clip.mp4").rename(tmp_path / "clip"), tmp_path / "kept")
    assert len(clip.pictures) == 3
    sweep = take(write_dicom(tmp_path / "IM_0001", pictures=4), tmp_path / "kept")
    assert len(sweep.pictures) == 4
    assert read_image(sweep.pictures[3]).shape == (32, 32)


BAD = {
    "page.html": (b"<html><script>alert(1)</script>", "is no TIFF, PNG, JPEG or BMP image"),
    "drawing.svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is no TIFF"),
    "image.png": (b"<svg/>" + bytes(200), "is no TIFF"),
    "nothing.png": (b"", "is empty"),
    "large.bmp": (b"BM" + bytes(1_000_001), "has 1.0 MB: at most 1 MB are taken"),
    "cut.png": (b"\x89PNG\r\n\x1a\n" + bytes(50), "can't be read as an image"),
    "cut.mp4": (b"\0\0\0\x20ftypisom" + bytes(300), "can't be read: its clip is damaged"),
    "cut.dcm": (bytes(128) + b"DICM" + b"\xff" * 40, "DICOM header is damaged"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_picture_is_refused_in_one_sentence_and_deleted(tmp_path, name):
    content, complaint = BAD[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=complaint) as error:
        take(tmp_path / name, tmp_path / "kept")
    assert str(error.value).startswith(name)
    assert str(tmp_path) not in str(error.value)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_dicom_of_another_kind_or_of_too_many_pictures_is_refused_undecoded(tmp_path):
    complaints = {
        "its modality is CT": write_dicom(tmp_path / "ct.dcm", pictures=1, modality="CT"),
        "holds 6 pictures: at most 5 are taken": write_dicom(tmp_path / "6.dcm", pictures=6),
        "claims 100,000 pictures": write_dicom(tmp_path / "long.dcm", pictures=100_000),
    }
    for complaint, file in complaints.items():
        with pytest.raises(DataError, match=complaint) as error:
            take(file, tmp_path / "kept")
        assert "Secret" not in str(error.value)
