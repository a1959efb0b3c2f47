import logging
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nerveceg.data.description import describe_frames, find_findings
from nerveceg.data.frames import find_frames
from nerveceg.data.images import digest_of, read_image
from nerveceg.data.reading import Reader
from nerveceg.data.sources import may_show_words, shared_spacing, spacing_mm
from nerveceg.errors import DataError

Write = Callable[..., Path]
SIZE = (24, 32)


@pytest.fixture
def grey() -> Any:
    return np.random.default_rng(0).integers(0, 256, SIZE, dtype=np.uint8)


@pytest.fixture
def colours() -> Any:
    return np.random.default_rng(1).integers(0, 256, (*SIZE, 3), dtype=np.uint8)


def luminance(colours: Any) -> Any:
    return np.array(Image.fromarray(colours).convert("L"))


def test_a_grey_picture_comes_as_it_was_written(
    tmp_path: Path, write_dicom: Write, grey: Any
) -> None:
    file = write_dicom(tmp_path / "one.dcm", grey)

    np.testing.assert_array_equal(read_image(file), grey)


def test_white_is_zero_in_monochrome1(tmp_path: Path, write_dicom: Write, grey: Any) -> None:
    file = write_dicom(tmp_path / "one.dcm", grey, PhotometricInterpretation="MONOCHROME1")

    np.testing.assert_array_equal(read_image(file), 255 - grey)


def test_twelve_bits_become_eight_whatever_hides_above_them(
    tmp_path: Path, write_dicom: Write
) -> None:
    levels = np.linspace(0, 4095, SIZE[0] * SIZE[1]).astype(np.uint16).reshape(SIZE)
    stored = levels | (np.uint16(1) << 15)

    file = write_dicom(tmp_path / "one.dcm", stored, BitsStored=12, HighBit=11)

    np.testing.assert_array_equal(read_image(file), np.round(levels / 4095 * 255))


def test_colours_become_luminance(tmp_path: Path, write_dicom: Write, colours: Any) -> None:
    file = write_dicom(tmp_path / "one.dcm", colours, colours=True)

    np.testing.assert_array_equal(read_image(file), luminance(colours))


def test_planes_of_colour_are_put_together(
    tmp_path: Path, write_dicom: Write, colours: Any
) -> None:
    planes = np.ascontiguousarray(np.moveaxis(colours, -1, 0))
    file = write_dicom(
        tmp_path / "one.dcm",
        colours,
        colours=True,
        PlanarConfiguration=1,
        PixelData=planes.tobytes(),
    )

    np.testing.assert_array_equal(read_image(file), luminance(colours))


def test_ybr_full_is_read_as_its_luma(tmp_path: Path, write_dicom: Write, grey: Any) -> None:
    neutral = np.stack([grey, np.full_like(grey, 128), np.full_like(grey, 128)], -1)
    file = write_dicom(
        tmp_path / "one.dcm", neutral, colours=True, PhotometricInterpretation="YBR_FULL"
    )

    np.testing.assert_allclose(read_image(file).astype(int), grey, atol=1)


def test_ybr_full_422_is_read_as_its_luma(tmp_path: Path, write_dicom: Write, grey: Any) -> None:
    pairs = grey.reshape(-1, 2)
    packed = np.concatenate([pairs, np.full_like(pairs, 128)], axis=1)  # Y Y Cb Cr
    file = write_dicom(
        tmp_path / "one.dcm",
        np.stack([grey] * 3, -1),
        colours=True,
        PhotometricInterpretation="YBR_FULL_422",
        PixelData=packed.tobytes(),
    )

    np.testing.assert_allclose(read_image(file).astype(int), grey, atol=1)


@pytest.mark.parametrize("bits", [8, 16])
def test_a_palette_is_looked_up(tmp_path: Path, write_dicom: Write, grey: Any, bits: int) -> None:
    kind = np.uint8 if bits == 8 else np.uint16
    table = (np.arange(256)[::-1] * (1 if bits == 8 else 257)).astype(kind)
    names = ("Red", "Green", "Blue")
    palette: dict[str, Any] = {
        f"{name}PaletteColorLookupTableDescriptor": [256, 0, bits] for name in names
    }
    palette |= {f"{name}PaletteColorLookupTableData": table.tobytes() for name in names}
    file = write_dicom(
        tmp_path / "one.dcm", grey, PhotometricInterpretation="PALETTE COLOR", **palette
    )

    np.testing.assert_array_equal(read_image(file), 255 - grey)


def test_jpeg_inside_is_read_by_pillow(tmp_path: Path, write_dicom: Write, grey: Any) -> None:
    from pydicom.encaps import encapsulate

    smooth = np.add.outer(np.arange(SIZE[0]), np.arange(SIZE[1])).astype(np.uint8) * 4
    packed = BytesIO()
    Image.fromarray(smooth).save(packed, "JPEG", quality=95)
    file = write_dicom(
        tmp_path / "one.dcm",
        smooth,
        syntax="1.2.840.10008.1.2.4.50",
        PixelData=encapsulate([packed.getvalue()]),
    )

    np.testing.assert_array_equal(read_image(file), np.array(Image.open(packed)))


def test_only_the_tissue_region_is_kept_and_its_spacing_is_in_millimetres(
    tmp_path: Path, write_dicom: Write, make_region: Any, grey: Any
) -> None:
    trace = make_region(0, 0, 31, 23, RegionDataType=3, RegionSpatialFormat=3)
    small = make_region(0, 0, 3, 3, PhysicalDeltaX=1.0)
    large = make_region(4, 2, 27, 19, PhysicalDeltaY=-0.016)
    file = write_dicom(
        tmp_path / "one.dcm", grey, SequenceOfUltrasoundRegions=[trace, small, large]
    )

    np.testing.assert_array_equal(read_image(file), grey[2:20, 4:28])
    assert spacing_mm(file) == pytest.approx((0.16, 0.08))


def test_a_region_that_reaches_beyond_the_picture_ends_with_it(
    tmp_path: Path, write_dicom: Write, make_region: Any, grey: Any
) -> None:
    file = write_dicom(
        tmp_path / "one.dcm",
        grey,
        SequenceOfUltrasoundRegions=[make_region(4, 2, 32, 24, PhysicalUnitsXDirection=4)],
    )

    np.testing.assert_array_equal(read_image(file), grey[2:, 4:])
    assert spacing_mm(file) is None


def test_spacing_is_shared_only_where_all_files_state_the_same(
    tmp_path: Path, write_dicom: Write, make_region: Any, grey: Any
) -> None:
    regions = {
        "a": make_region(0, 0, 9, 9),
        "b": make_region(0, 0, 9, 9, PhysicalDeltaX=0.00805, PhysicalDeltaY=0.00805),
        "c": make_region(0, 0, 9, 9, PhysicalDeltaX=0.01),
    }
    files = {
        name: write_dicom(tmp_path / f"{name}.dcm", grey, SequenceOfUltrasoundRegions=[one])
        for name, one in regions.items()
    }
    bare = write_dicom(tmp_path / "bare.dcm", grey)

    assert shared_spacing([files["a"], files["b"]]) == pytest.approx(0.08025)
    assert shared_spacing(files.values()) is None
    assert shared_spacing([files["a"], bare]) is None


def test_a_multi_frame_file_is_a_frame_for_each_picture(tmp_path: Path, write_dicom: Write) -> None:
    pictures = np.random.default_rng(2).integers(0, 256, (3, *SIZE), dtype=np.uint8)
    (tmp_path / "P07").mkdir()
    write_dicom(tmp_path / "P07" / "IM_0001", pictures)
    Image.fromarray(pictures[0] > 99).save(tmp_path / "P07" / "IM_0001#001_mask.png")

    frames = find_frames(tmp_path)

    assert [frame.id for frame in frames] == [f"P07/IM_0001#{place:03d}" for place in range(3)]
    assert {frame.subject for frame in frames} == {"P07"}
    assert {frame.clip for frame in frames} == {"P07/IM_0001"}
    assert [frame.mask is None for frame in frames] == [True, False, True]
    for frame, picture in zip(frames, pictures, strict=True):
        np.testing.assert_array_equal(read_image(frame.image), picture)
    assert len({digest_of(frame.image) for frame in frames}) == 3


def test_the_digest_of_a_picture_is_the_same_under_any_name(
    tmp_path: Path, write_dicom: Write
) -> None:
    file = write_dicom(tmp_path / "one.dcm", np.zeros((2, *SIZE), dtype=np.uint8))
    other = tmp_path / "other.dcm"
    other.write_bytes(file.read_bytes())

    mine, theirs = find_frames(file), find_frames(other)

    assert [digest_of(f.image) for f in mine] == [digest_of(f.image) for f in theirs]


def test_a_table_names_pictures_or_whole_files(tmp_path: Path, write_dicom: Write) -> None:
    write_dicom(tmp_path / "a.dcm", np.zeros((2, *SIZE), dtype=np.uint8))
    write_dicom(tmp_path / "b.dcm", np.zeros((2, *SIZE), dtype=np.uint8))
    table = tmp_path / "table.csv"
    table.write_text("image,subject,present\na.dcm,7,0\nb.dcm#001,8,\n", encoding="utf-8")

    frames = find_frames(tmp_path, table=table)

    assert [(f.id, f.subject, f.mask) for f in frames] == [
        ("a#000", "7", ""),
        ("a#001", "7", ""),
        ("b#001", "8", None),
    ]


def test_a_table_gives_no_mask_to_several_pictures_at_once(
    tmp_path: Path, write_dicom: Write
) -> None:
    write_dicom(tmp_path / "a.dcm", np.zeros((2, *SIZE), dtype=np.uint8))
    table = tmp_path / "table.csv"
    table.write_text("image,pixels\na.dcm,1 2\n", encoding="utf-8")

    with pytest.raises(DataError, match="line 2: a.dcm holds 2 pictures: .* a.dcm#000"):
        find_frames(tmp_path, table=table)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"Modality": "CT", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.2"}, "modality is CT"),
        ({"Rows": None, "Columns": None}, "it holds no pixels"),
        ({"Rows": 60_000, "Columns": 60_000}, "60000 x 60000 pixels, at most 50,000,000"),
        ({"NumberOfFrames": 100_000}, "claims 100,000 pictures: 1 to 20,000"),
        ({"NumberOfFrames": 5}, None),
        ({"PhotometricInterpretation": "HSV"}, "none of MONOCHROME1"),
        ({"PixelRepresentation": 1}, "signed"),
        ({"syntax": "1.2.840.10008.1.2.1.99"}, "deflated"),
    ],
)
def test_a_strange_file_is_refused_in_one_line(
    tmp_path: Path, write_dicom: Write, grey: Any, changes: dict[str, Any], complaint: str | None
) -> None:
    file = write_dicom(tmp_path / "one.dcm", grey, **changes)

    with pytest.raises(DataError, match=complaint or "picture 4 is missing") as caught:
        read_image(file if complaint else file.with_name("one.dcm#004"))

    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_region_outside_its_picture_is_refused(
    tmp_path: Path, write_dicom: Write, make_region: Any, grey: Any
) -> None:
    file = write_dicom(
        tmp_path / "one.dcm", grey, SequenceOfUltrasoundRegions=[make_region(40, 40, 50, 50)]
    )

    with pytest.raises(DataError, match="region lies outside its picture"):
        read_image(file)


def test_an_encrypted_file_is_said_to_be_one(tmp_path: Path) -> None:
    file = tmp_path / "one.dcm"
    file.write_bytes(b"\x30\x82" + bytes(range(256)))

    with pytest.raises(DataError, match="no DICOM file, or it is encrypted"):
        read_image(file)


def test_a_bad_file_among_good_ones_is_left_out(
    tmp_path: Path, write_dicom: Write, grey: Any
) -> None:
    write_dicom(tmp_path / "a.dcm", grey)
    (tmp_path / "b.dcm").write_bytes((tmp_path / "a.dcm").read_bytes()[:300])
    write_dicom(tmp_path / "c.dcm", grey, Modality="MR", SOPClassUID="1.2.3.4")

    reader = Reader(find_frames(tmp_path), batch_size=4, truth=False, workers=0, on_error="skip")
    read = [reading.frame.id for readings in reader for reading in readings]

    assert read == ["a"]
    assert len(reader.failures) == 2


def test_a_picture_that_is_not_there_is_named(tmp_path: Path, write_dicom: Write) -> None:
    file = write_dicom(tmp_path / "one.dcm", np.zeros((3, *SIZE), dtype=np.uint8))

    with pytest.raises(DataError, match="holds 3 pictures: there is no #003"):
        read_image(tmp_path / "one.dcm#003")
    with pytest.raises(DataError, match="name one, one.dcm#000 to one.dcm#002"):
        read_image(file)


@pytest.mark.filterwarnings("default")
def test_no_word_of_the_patient_leaves_the_reader(
    tmp_path: Path,
    write_dicom: Write,
    grey: Any,
    caplog: pytest.LogCaptureFixture,
    recwarn: pytest.WarningsRecorder,
) -> None:
    caplog.set_level(logging.DEBUG)
    write_dicom(tmp_path / "whole.dcm", np.stack([grey] * 2))
    content = (tmp_path / "whole.dcm").read_bytes()
    for place in range(140, len(content), 97):
        (tmp_path / f"cut{place}.dcm").write_bytes(content[:place])
        torn = bytearray(content)
        torn[place : place + 2] = b"\xff\xfe"
        (tmp_path / f"torn{place}.dcm").write_bytes(torn)

    frames = find_frames(tmp_path)
    reader = Reader(frames, batch_size=4, truth=False, workers=0, on_error="skip")
    said = [repr(reading) for readings in reader for reading in readings]
    said += [repr(frames), caplog.text, *reader.failures, *(str(one.message) for one in recwarn)]

    assert len(reader.failures) > 3
    for secret in ("Doe", "Jane", "4711", "SECRET"):
        assert not any(secret in words for words in said)


def test_without_the_extra_its_name_is_told(
    tmp_path: Path, write_dicom: Write, grey: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write_dicom(tmp_path / "one.dcm", grey)
    monkeypatch.setitem(sys.modules, "pydicom", None)

    with pytest.raises(DataError, match=r"pip install 'nerveceg\[dicom\]'"):
        read_image(file)


def test_words_may_be_left_in_pictures_of_no_stated_region_alone(
    tmp_path: Path, write_dicom: Write, make_region: Any, grey: Any
) -> None:
    region = [make_region(4, 2, 27, 19)]
    whole = write_dicom(tmp_path / "whole.dcm", grey)
    cut = write_dicom(tmp_path / "cut.dcm", grey, SequenceOfUltrasoundRegions=region)
    clean = write_dicom(tmp_path / "clean.dcm", grey, BurnedInAnnotation="NO")
    Image.fromarray(grey).save(tmp_path / "a.png")

    assert may_show_words(whole)
    assert not any(map(may_show_words, (cut, clean, tmp_path / "a.png")))

    findings = find_findings(describe_frames(find_frames(tmp_path), progress=False))
    (said,) = [finding for finding in findings if "ultrasound region" in finding.text]
    assert said.weight == "mend"
    assert said.text.startswith("1 DICOM picture ")
