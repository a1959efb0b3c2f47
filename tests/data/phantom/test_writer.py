"""The folder on disk: Kaggle's layout, the truth beside it, the same bytes, all or nothing."""

import csv
import hashlib
import json

import numpy as np
import pytest
from PIL import Image

from nerveceg.data.phantom import Subject, write_phantom, writer
from nerveceg.data.runlength import decode_runs
from nerveceg.errors import NerveCegError


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("phantom") / "set"
    write_phantom(
        folder, subjects=4, frames_per_subject=6, exact_twins=0.3, near_twins=0.3, progress=False
    )
    return folder


def table(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def pixels(folder, row, suffix=""):
    name = f"{row['subject']}_{row['img']}{suffix}.tif"
    return np.array(Image.open(folder / "train" / name))


def digests(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder): hashlib.sha256(path.read_bytes()).hexdigest() for path in files
    }


def test_frames_are_8_bit_lzw_tiffs_of_the_native_size(folder):
    paths = sorted((folder / "train").iterdir())
    assert len(paths) == 2 * 4 * 6
    for path in paths:
        with Image.open(path) as image:
            assert (image.mode, image.size) == ("L", (580, 420))
            assert image.info["compression"] == "tiff_lzw"
            assert 306 not in image.tag_v2  # a date would make each run's bytes its own


def test_run_lengths_hold_the_masks_sorted_by_subject_and_number(folder):
    rows = table(folder / "train_masks.csv")
    assert [(int(row["subject"]), int(row["img"])) for row in rows] == [
        (subject, img) for subject in range(1, 5) for img in range(1, 7)
    ]
    for row in rows:
        mask = pixels(folder, row, "_mask")
        assert np.array_equal(decode_runs(row["pixels"], (420, 580)) * 255, mask)


def test_the_truth_says_what_the_labels_hide(folder):
    labels = {
        (row["subject"], row["img"]): row["pixels"] for row in table(folder / "train_masks.csv")
    }
    for row in table(folder / "truth.csv"):
        assert int(row["visible"]) == (float(row["visibility"]) > 0.5)
        assert int(row["present"]) == bool(labels[row["subject"], row["img"]])
        assert int(row["flipped"]) == (row["visible"] != row["present"])
        assert 0 <= int(row["step"]) < 120


def test_exact_twins_show_the_same_pixels_and_near_twins_almost(folder):
    rows = table(folder / "truth.csv")
    by_number = {(row["subject"], row["img"]): row for row in rows}
    twins = [row for row in rows if row["twin"]]
    assert {row["twin"] for row in twins} == {"exact", "near"}
    for row in twins:
        source = by_number[row["subject"], row["twin_of"]]
        assert (row["present"], source["present"]) == ("0", "1")
        assert (row["visibility"], row["step"]) == (source["visibility"], source["step"])
        one, other = pixels(folder, row), pixels(folder, source)
        assert np.array_equal(one, other) == (row["twin"] == "exact")
        assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.9


def test_the_bytes_are_the_same_on_any_number_of_processes(folder, tmp_path):
    write_phantom(
        tmp_path / "again",
        subjects=4,
        frames_per_subject=6,
        exact_twins=0.3,
        near_twins=0.3,
        processes=2,
        progress=False,
    )
    assert digests(tmp_path / "again") == digests(folder)


def test_another_seed_gives_another_set(folder, tmp_path):
    write_phantom(tmp_path / "other", subjects=1, frames_per_subject=1, seed=1, progress=False)
    assert not np.array_equal(
        np.array(Image.open(tmp_path / "other" / "train" / "1_1.tif")),
        np.array(Image.open(folder / "train" / "1_1.tif")),
    )


def test_the_settings_lie_beside_the_truth(folder):
    settings = json.loads((folder / "phantom.json").read_text())
    assert settings["schema_version"] == writer.SCHEMA_VERSION
    assert (settings["seed"], settings["subjects"], settings["first_subject"]) == (0, 4, 1)
    assert settings["protocol"]["exact_twins"] == 0.3


def test_a_folder_that_holds_something_is_refused_and_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(NerveCegError, match="is not empty: name another folder, or delete"):
        write_phantom(tmp_path, subjects=1, progress=False)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    ("wrong", "cure"),
    [
        ({"subjects": 0}, "subjects=0 is too small: give 1 or more"),
        ({"frames_per_subject": 0}, "frames_per_subject=0 is too small"),
        ({"label_noise": -1.0}, "label_noise=-1.0 is too small"),
        ({"exact_twins": 0.7, "near_twins": 0.7}, "whose sum is at most 1"),
    ],
)
def test_a_number_out_of_range_is_named_with_its_cure(tmp_path, wrong, cure):
    with pytest.raises(NerveCegError, match=cure):
        write_phantom(tmp_path / "set", progress=False, **wrong)


def test_an_interrupted_run_leaves_nothing_behind(tmp_path, monkeypatch):
    def stop(self):
        yield next(iter(frames(self)))
        raise KeyboardInterrupt

    frames = Subject.frames
    monkeypatch.setattr(Subject, "frames", stop)
    with pytest.raises(KeyboardInterrupt):
        write_phantom(tmp_path / "set", subjects=2, progress=False)
    assert list(tmp_path.iterdir()) == []
