import io
import struct
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nerveceg.data.frames import Frame
from nerveceg.data.images import digest_of, read_image, read_mask, read_mask_file, size_of
from nerveceg.errors import DataError

RAMP = np.arange(6 * 8, dtype=np.uint8).reshape(6, 8) * 5
NERVE = np.zeros((6, 8), bool)
NERVE[2:4, 3:6] = True
LOSSLESS = ["x.tif", "x.png", "x.bmp"]


def save(path, picture, **options):
    picture = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    picture.save(path, **options)
    return path


def grey_frame(rng, shape=(60, 80)):
    return rng.integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("name", LOSSLESS)
def test_grey_levels_come_back_exactly(tmp_path, name):
    pixels = read_image(save(tmp_path / name, RAMP))
    assert pixels.dtype == np.uint8
    assert pixels.flags.writeable
    np.testing.assert_array_equal(pixels, RAMP)


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_deflate", "packbits"])
def test_tiff_of_any_compression_is_read(tmp_path, compression):
    path = save(tmp_path / "x.tif", RAMP, compression=compression)
    np.testing.assert_array_equal(read_image(path), RAMP)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P"])
@pytest.mark.parametrize("suffix", ["tif", "png"])
def test_grey_in_any_colour_mode_keeps_its_levels(tmp_path, mode, suffix):
    path = save(tmp_path / f"x.{suffix}", Image.fromarray(RAMP).convert(mode))
    np.testing.assert_array_equal(read_image(path), RAMP)


def test_colours_become_luminance(tmp_path):
    colours = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8)
    assert read_image(save(tmp_path / "x.png", colours)).tolist() == [[76, 150, 29]]


def test_transparency_is_ignored(tmp_path):
    colours = np.dstack([RAMP, RAMP, RAMP, np.zeros_like(RAMP)])
    np.testing.assert_array_equal(read_image(save(tmp_path / "x.png", colours)), RAMP)


def test_a_jpeg_is_read(tmp_path):
    smooth = np.add.outer(np.arange(32), np.arange(48)).astype(np.uint8)
    pixels = read_image(save(tmp_path / "x.jpg", smooth, quality=100))
    assert np.abs(pixels.astype(int) - smooth).max() <= 2


@pytest.mark.parametrize("name", LOSSLESS)
def test_one_bit_is_black_and_white(tmp_path, name):
    path = save(tmp_path / name, Image.fromarray(NERVE))
    np.testing.assert_array_equal(read_image(path), NERVE * np.uint8(255))


@pytest.mark.parametrize("name", ["x.tif", "x.png"])
@pytest.mark.parametrize("full", [255, 4095, 65535])
def test_16_bits_that_hold_8_12_or_16_end_at_255(tmp_path, name, full):
    values = np.linspace(0, full, 48).round().astype(np.uint16).reshape(6, 8)
    pixels = read_image(save(tmp_path / name, values))
    np.testing.assert_array_equal(pixels, np.floor(values * (255 / full) + 0.5))


def test_a_black_16_bit_frame_stays_black(tmp_path):
    assert not read_image(save(tmp_path / "x.png", np.zeros((4, 5), np.uint16))).any()


@pytest.mark.parametrize(
    ("pixels", "words"),
    [
        (np.ones((4, 5), np.float32), "floating point"),
        (np.full((4, 5), 70_000, np.int32), "run from 70000 to 70000"),
        (np.full((4, 5), -1, np.int32), "8 or 16 bits are wanted"),
    ],
)
def test_other_depths_are_refused(tmp_path, pixels, words):
    path = save(tmp_path / "x.tif", pixels)
    with pytest.raises(DataError, match=words) as error:
        read_image(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw"])
@pytest.mark.parametrize("name", ["x.jpg", "x.tif", "x.png"])
def test_images_and_masks_are_turned_upright(tmp_path, name, compression):
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels = np.zeros((16, 32), np.uint8)
    pixels[:8, :8] = 255
    path = save(tmp_path / name, pixels, exif=exif, compression=compression)
    upright = read_image(path)
    assert upright.shape == size_of(path) == (32, 16)
    assert upright[:8, -8:].min() > 200
    assert upright[8:].max() < 50
    if name != "x.jpg":
        np.testing.assert_array_equal(read_mask_file(path), upright > 0)


def test_several_pages_are_refused(tmp_path):
    page = Image.fromarray(RAMP)
    path = save(tmp_path / "x.tif", page, save_all=True, append_images=[page, page])
    with pytest.raises(DataError, match="holds 3 pages: save each frame as a file of its own"):
        read_image(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no TIFF, PNG, JPEG or BMP file"),
        (b"hello\n", "no TIFF, PNG, JPEG or BMP file"),
        (b"GIF89a" + bytes(40), "no TIFF, PNG, JPEG or BMP file"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "no TIFF, PNG, JPEG or BMP file"),
    ],
)
def test_what_is_no_image_is_refused_by_name(tmp_path, content, words):
    path = tmp_path / "x.png"
    path.write_bytes(content)
    with pytest.raises(DataError, match=words) as error:
        read_image(path)
    assert str(path) in str(error.value)


def test_a_missing_file_a_folder_and_a_broken_link_are_refused(tmp_path):
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "link.png").symlink_to(tmp_path / "gone.png")
    for name, words in (
        ("gone.png", "No such file"),
        ("folder.png", "is no file"),
        ("link.png", "No such"),
    ):
        with pytest.raises(DataError, match=f"{name}.*{words}"):
            read_image(tmp_path / name)


@pytest.mark.parametrize(
    "options", [("TIFF", "raw"), ("TIFF", "tiff_lzw"), ("PNG",), ("JPEG",), ("BMP",)]
)
def test_a_file_cut_short_is_refused_wherever_pixels_are_lost(tmp_path, options):
    pixels = grey_frame(np.random.default_rng(0))
    buffer = io.BytesIO()
    extra = {"compression": options[1]} if len(options) > 1 else {}
    Image.fromarray(pixels).save(buffer, format=options[0], **extra)
    whole, path = buffer.getvalue(), tmp_path / "x.tif"
    path.write_bytes(whole)
    uncut = read_image(path)
    for share in (0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.97):
        path.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(DataError, match=r"x\.tif can't be read as an image"):
            read_image(path)
    for lost in range(1, 30):
        path.write_bytes(whole[:-lost])
        try:
            left = read_image(path)
        except DataError:
            continue
        np.testing.assert_array_equal(left, uncut)


def bomb_png(width, height):
    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = zlib.compress(bytes(1000))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("side", [7072, 10_000, 15_000, 100_000, 2**31 - 1])
@pytest.mark.filterwarnings("error")
def test_a_bomb_is_refused_at_once(tmp_path, side):
    path = tmp_path / "x.png"
    path.write_bytes(bomb_png(side, side))
    start = time.perf_counter()
    with pytest.raises(DataError, match="x.png can't be read as an image"):
        read_image(path)
    assert time.perf_counter() - start < 0.5


@pytest.mark.parametrize("kind", ["TIFF", "PNG", "JPEG", "BMP"])
def test_damaged_bytes_end_in_pixels_or_in_a_data_error_that_names_the_file(tmp_path, kind):
    rng = np.random.default_rng(7)
    buffer = io.BytesIO()
    extra = {"compression": "tiff_lzw"} if kind == "TIFF" else {}
    Image.fromarray(grey_frame(rng, (30, 40))).save(buffer, format=kind, **extra)
    path, lines = tmp_path / "x.png", []
    for _ in range(100):
        content = bytearray(buffer.getvalue())
        reach = len(content) if rng.random() < 0.5 else 120
        for place in rng.integers(0, reach, rng.integers(1, 12)):
            content[place] = rng.integers(0, 256)
        path.write_bytes(content)
        try:
            assert read_image(path).dtype == np.uint8
        except DataError as error:
            lines.append(str(error))
    assert len(lines) > 10
    assert all(str(path) in line and "\n" not in line for line in lines)


def frame_with(mask, image="1_1.tif"):
    return Frame("1_1", "1", Path(image), mask)


MASKS = {
    "1 bit": NERVE,
    "0 and 255": NERVE * np.uint8(255),
    "0 and 1": NERVE * np.uint8(1),
    "16 bit": NERVE * np.uint16(65535),
    "16 bit, 0 and 1": NERVE * np.uint16(1),
    "colour channels alike": np.repeat(NERVE[..., None] * np.uint8(255), 3, axis=2),
    "opaque": np.dstack([NERVE * np.uint8(255)] * 3 + [np.full(NERVE.shape, 255, np.uint8)]),
}


@pytest.mark.parametrize("kind", MASKS)
@pytest.mark.parametrize("suffix", ["tif", "png"])
def test_masks_of_every_kind_read_alike(tmp_path, kind, suffix):
    path = save(tmp_path / f"m.{suffix}", MASKS[kind])
    mask = read_mask(frame_with(path), (6, 8))
    assert mask.dtype == np.bool_
    np.testing.assert_array_equal(mask, NERVE)


@pytest.mark.parametrize("inverted", [False, True])
def test_a_palette_counts_by_its_colours_not_by_its_numbers(tmp_path, inverted):
    colours = [255, 255, 255, 0, 0, 0] if inverted else [0, 0, 0, 255, 255, 255]
    picture = Image.new("P", (8, 6))
    picture.putpalette(colours)
    picture.putdata((NERVE ^ inverted).astype(int).ravel().tolist())
    np.testing.assert_array_equal(read_mask_file(save(tmp_path / "m.png", picture)), NERVE)


@pytest.mark.parametrize("value", [0, 255])
def test_empty_and_full_masks_are_masks(tmp_path, value):
    path = save(tmp_path / "m.png", np.full((6, 8), value, np.uint8))
    assert (read_mask_file(path) == bool(value)).all()


@pytest.mark.parametrize(
    ("pixels", "name", "words"),
    [
        (RAMP, "m.png", r"its values are 0, 5, 10, 15, \.\.\.: a mask is 0 outside and 255"),
        (NERVE * np.uint8(100) + np.uint8(100), "m.png", "its values are 100, 200:"),
        (np.tile(np.arange(3, dtype=np.uint8), (6, 3)), "m.tif", "its values are 0, 1, 2:"),
        (RAMP.astype(np.uint16) * 200, "m.png", "its values are"),
        (NERVE * np.uint8(255), "m.jpg", "save it as PNG or TIFF"),
        (np.dstack([NERVE * np.uint8(255), RAMP, RAMP]), "m.png", "coloured or transparent"),
        (np.dstack([np.full((6, 8), 255, np.uint8)] * 3 + [RAMP]), "m.png", "transparent"),
    ],
)
def test_what_is_no_mask_is_refused_by_name(tmp_path, pixels, name, words):
    path = save(tmp_path / name, pixels)
    with pytest.raises(DataError, match=words) as error:
        read_mask(frame_with(path), (6, 8))
    assert str(path) in str(error.value)


@pytest.mark.parametrize("shape", [(8, 6), (5, 8), (420, 580)])
def test_a_mask_of_another_size_is_refused_and_both_files_are_named(tmp_path, shape):
    path = save(tmp_path / "m.png", NERVE * np.uint8(255))
    with pytest.raises(DataError, match=rf"6 rows x 8 .* {shape[0]} x {shape[1]}") as error:
        read_mask(frame_with(path, "scans/1_1.tif"), shape)
    assert str(path) in str(error.value)
    assert "scans/1_1.tif" in str(error.value)


def test_runs_that_leave_the_frame_are_refused_and_the_image_is_named():
    with pytest.raises(DataError, match=r'scans/1_1\.tif: run "48 2" doesn\'t fit'):
        read_mask(frame_with("48 2", "scans/1_1.tif"), (6, 8))


def test_unknown_truth_is_refused_with_the_ways_to_give_it():
    with pytest.raises(DataError, match=r"1_1_mask\.png beside it.*data\.table"):
        read_mask(frame_with(None), (6, 8))


def test_a_digest_tells_the_bytes_not_the_name(tmp_path):
    for name, content in (("a", b"frame"), ("b", b"frame"), ("c", b"other")):
        (tmp_path / name).write_bytes(content)
    a, b, c = (digest_of(tmp_path / name) for name in "abc")
    assert a == b != c
    assert len(a) == 16
    assert int(a, 16) >= 0
    with pytest.raises(DataError, match="gone can't be read: No such file"):
        digest_of(tmp_path / "gone")
