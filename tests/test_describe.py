"""The description of a data set as a person runs it."""

import json
from functools import partial
from pathlib import Path

import pytest

from nerveceg.tools import describe


@pytest.fixture
def run(run):
    return partial(run, describe)


@pytest.fixture
def some(frames, tmp_path):
    """Four frames of two people beside a file that is none."""
    folder = tmp_path / "some frames"
    folder.mkdir()
    for frame in frames[:2] + frames[3:5]:
        for path in (frame.image, frame.mask):
            (folder / path.name).write_bytes(path.read_bytes())
    (folder / "1_9.tif").write_bytes(b"no image")
    return folder


def test_page_numbers_and_table_agree_and_a_broken_file_is_no_failure(some, run):
    status, out, err = run(f"data.root='{some}'", "output=out", "near_duplicates=true")
    assert status == 0, err
    numbers = json.loads(Path("out/data.json").read_text())
    assert (numbers["name"], numbers["frames"]) == ("some frames", 4)
    assert [file["frame"] for file in numbers["unread"]] == ["1_9"]
    assert "pairs" in numbers["near_duplicates"]
    assert "frames          4 of 2 subjects" in out
    assert "not read: 1_9, 1_9.tif can't be read as an image" in out
    page = Path("out/data.html").read_text()
    assert "1 file can&#39;t be read" in page
    assert "Near-duplicates within subjects" in page


def test_near_duplicates_that_cant_be_searched_are_told_and_the_rest_is_written(some, run):
    for path in some.glob("2_*"):
        path.unlink()
    status, _, err = run(f"data.root='{some}'", "output=out", "near_duplicates=true")
    assert status == 0
    assert "no search for near-duplicates" in err
    assert Path("out/data.html").is_file()


def test_a_folder_without_frames_is_one_line(run):
    Path("empty").mkdir()
    status, _, err = run("data.root=empty", "output=out")
    assert status == 2
    assert len([line for line in err.splitlines() if line.startswith("error:")]) == 1
    assert not Path("out").exists()
