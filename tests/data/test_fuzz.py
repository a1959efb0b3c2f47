"""Damaged picture files end in pixels or in one line that names them, and leave nothing open."""

import resource
import runpy
import time
from pathlib import Path

import numpy as np
import pytest

from nerveceg.data.frames import find_frames
from nerveceg.data.images import read_image, size_of
from nerveceg.errors import DataError

pytest.importorskip("pydicom", reason="the extra nerveceg[dicom] isn't installed")
pytest.importorskip("av", reason="the extra nerveceg[video] isn't installed")

MUTANTS = runpy.run_path(str(Path(__file__).parents[1] / "mutants.py"))
BOMBS = dict(MUTANTS["bombs"]())


def megabytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def test_the_undamaged_files_are_read_but_for_those_of_several_pages(tmp_path):
    for kind, (suffix, content) in MUTANTS["whole_files"]().items():
        (tmp_path / f"x{suffix}").write_bytes(content)
        if kind == "tiff pages":
            with pytest.raises(DataError, match="3 pages"):
                read_image(tmp_path / f"x{suffix}")
        else:
            for frame in find_frames(tmp_path / f"x{suffix}"):
                assert read_image(frame.image).std() > 1


def test_a_hundred_damaged_files_end_in_pixels_or_in_a_line_that_names_them(tmp_path):
    draw, lines, files = np.random.default_rng(0), [], MUTANTS["whole_files"]()
    kinds = sorted(files)
    for place in range(100):
        suffix, content = files[kinds[place % len(kinds)]]
        path = tmp_path / f"{place}{suffix}"
        path.write_bytes(MUTANTS["mutate"](content, draw))
        try:
            for frame in find_frames(path)[:2]:
                assert read_image(frame.image).shape == size_of(frame.image)
        except DataError as error:
            lines.append(str(error))
            assert str(path) in lines[-1]
    assert 30 < len(lines) < 100
    assert not any("\n" in line for line in lines)
    # Two clips may stay open, to be read on; each has one file.
    left = [str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    assert sum(str(tmp_path) in name for name in left) <= 2
    assert len(list(tmp_path.iterdir())) == 100


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_at_once_and_takes_no_memory(tmp_path, name):
    (tmp_path / name).write_bytes(BOMBS[name])
    before = megabytes()
    for _ in range(2):  # the first of a kind also waits for its reader to be imported
        start = time.process_time()
        with pytest.raises(DataError, match="can't be read") as error:
            read_image(find_frames(tmp_path / name)[0].image)
    assert time.process_time() - start < 0.1
    assert megabytes() - before < 200
    assert str(tmp_path / name) in str(error.value)


def test_a_chain_of_pages_is_not_followed_to_its_end(tmp_path):
    page = bytes.fromhex("0100 0001 0400 01000000 01000000")  # one tag: the width is 1
    content, place = b"II*\0\x08\0\0\0", 8
    for _ in range(20_000):
        place += len(page) + 4
        content += page + place.to_bytes(4, "little")
    (tmp_path / "x.tif").write_bytes(content + bytes(40))
    start = time.process_time()
    with pytest.raises(DataError, match=r"x\.tif can't be read as an image"):
        read_image(tmp_path / "x.tif")
    assert time.process_time() - start < 0.3
