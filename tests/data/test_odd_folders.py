"""Odd folders and files, as people have them: each is read, or refused with words of its own."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nerveceg.data.frames import find_frames
from nerveceg.data.images import read_image, read_mask
from nerveceg.errors import DataError

GREY = (np.add.outer(np.arange(6) * 9, np.arange(8) * 20)).astype(np.uint8)
NERVE = np.zeros((6, 8), np.uint8)
NERVE[2:4, 3:6] = 255
LONG = "n" * 240


def save(path, pixels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    picture.save(path, **options)


def pair(folder, name="1_1", suffix=".png", image=GREY, mask=NERVE):
    save(folder / f"{name}{suffix}", image)
    save(folder / f"{name}_mask{suffix}", mask)


def turned():
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def pages(folder):
    page = Image.fromarray(GREY)
    save(folder / "1_1.tif", page, save_all=True, append_images=[page])


def linked(folder):
    pair(folder.parent / "elsewhere")
    folder.mkdir()
    (folder / "P1").symlink_to(folder.parent / "elsewhere")


def read_only(folder):
    pair(folder)
    folder.chmod(0o500)


def leftovers(folder):
    pair(folder)
    for name in (".DS_Store", "._1_1.png", "Thumbs.db", "desktop.ini", ".hidden.png", "notes.txt"):
        (folder / name).write_bytes(b"\0\1")
    save(folder / ".cache" / "2_1.png", GREY)


def colours(*levels):
    return np.dstack(levels)


WORKS = {
    "a folder with spaces and umlauts": lambda folder: pair(
        folder / "Jos\u00e9 M\u00fcller \u795e"
    ),
    "names with =, commas and quotes": lambda folder: pair(folder, "a=b,'c' \"d\" [e] {f} $g #h"),
    "a read-only folder": read_only,
    "a linked folder": linked,
    "one image": lambda folder: save(folder / "1_1.png", GREY),
    "no mask": lambda folder: save(folder / "1_1.tif", GREY),
    "colours": lambda folder: pair(folder, image=colours(GREY, GREY, GREY)),
    "16 bits": lambda folder: pair(folder, suffix=".tif", image=GREY.astype(np.uint16) * 257),
    "one bit": lambda folder: pair(folder, suffix=".tif", image=Image.fromarray(GREY > 90)),
    "a palette": lambda folder: pair(folder, image=Image.fromarray(GREY).convert("P")),
    "transparency": lambda folder: pair(folder, image=Image.fromarray(GREY).convert("RGBA")),
    "a mask of 1 and 0": lambda folder: pair(folder, mask=NERVE // 255),
    "a mask that covers all": lambda folder: pair(folder, mask=np.full((6, 8), 255, np.uint8)),
    "upper-case suffixes": lambda folder: pair(folder, suffix=".TIF"),
    "leftovers of systems": leftovers,
    "an EXIF orientation": lambda folder: save(folder / "1_1.jpg", np.rot90(GREY), exif=turned()),
    "CMYK JPEG": lambda folder: save(folder / "1_1.jpg", Image.fromarray(GREY).convert("CMYK")),
    "a very long name": lambda folder: save(folder / f"{LONG}.png", GREY),
}

REFUSED = {
    "no images": (lambda folder: folder.mkdir(), r"no frames in .*frames: images"),
    "only other files": (
        lambda folder: (folder.mkdir(), (folder / "a.txt").write_text("a")),
        "no frames in .*frames: images",
    ),
    "a mask alone": (
        lambda folder: (pair(folder), save(folder / "2_1_mask.png", NERVE)),
        r"2_1_mask\.png is a mask without an image",
    ),
    "floating point": (
        lambda folder: save(folder / "1_1.tif", GREY.astype(np.float32)),
        r"1_1\.tif .*floating point numbers: save it with 8 or 16 bits",
    ),
    "a mask of another size": (
        lambda folder: pair(folder, mask=NERVE[:5]),
        r"1_1_mask\.png has 5 rows x 8 columns, its image .*6 x 8: they must match",
    ),
    "a mask of many values": (
        lambda folder: pair(folder, mask=GREY),
        r"1_1_mask\.png .*values are",
    ),
    "several pages": (pages, r"1_1\.tif .*holds 2 pages: save each frame as a file"),
    "one id twice": (
        lambda folder: (save(folder / "1_1.png", GREY), save(folder / "1_1.tif", GREY)),
        r"1_1\.(png|tif) and .*1_1\.(png|tif) have one name",
    ),
    "an empty file": (
        lambda folder: (folder.mkdir(), (folder / "1_1.tif").write_bytes(b"")),
        r"1_1\.tif can't be read as an image: it is no TIFF",
    ),
    "a link to nothing": (
        lambda folder: (folder.mkdir(), (folder / "1_1.png").symlink_to("gone.png")),
        r"1_1\.png can't be read as an image: No such file",
    ),
}


def read(folder):
    frames = find_frames(folder)
    images = [read_image(frame.image) for frame in frames]
    pairs = zip(frames, images, strict=True)
    return images, [read_mask(f, i.shape) if f.mask is not None else None for f, i in pairs]


@pytest.mark.parametrize("case", WORKS)
def test_an_odd_folder_is_read(tmp_path, case):
    folder = tmp_path / "frames"
    WORKS[case](folder)
    (image,), (mask,) = read(folder)
    folder.chmod(0o700)
    assert image.dtype == np.uint8
    assert image.shape == (6, 8)
    assert image[0, 0] < 60 < image[-1, -1]
    assert mask is None or mask[2:4, 3:6].all()


@pytest.mark.parametrize("case", REFUSED)
def test_an_odd_folder_is_refused_with_words_of_its_own(tmp_path, case):
    make, words = REFUSED[case]
    make(tmp_path / "frames")
    with pytest.raises(DataError, match=words) as error:
        read(tmp_path / "frames")
    assert "\n" not in str(error.value)


def test_a_folder_called_like_an_image_is_a_folder(tmp_path):
    pair(tmp_path / "frames" / "series.tif")
    (tmp_path / "frames" / "empty.png").mkdir()
    assert [frame.id for frame in find_frames(tmp_path / "frames")] == ["series.tif/1_1"]
    assert len(read(tmp_path / "frames" / "series.tif")[0]) == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_file_that_may_not_be_read_is_named(tmp_path):
    save(tmp_path / "1_1.png", GREY)
    (tmp_path / "1_1.png").chmod(0)
    with pytest.raises(DataError, match=r"1_1\.png .*Permission denied"):
        read(Path(tmp_path))
