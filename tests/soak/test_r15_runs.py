"""R15: 100,000 masks come back from their run-length strings; Kaggle would take the file."""

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from nerveceg.data.runlength import decode_runs, encode_runs
from nerveceg.errors import DataError
from nerveceg.outputs.masks import KAGGLE_SHAPE, check_submission, write_submission

MASKS = 100_000
EXAMPLES = 5_000
FRAMES = 5508
shapes = array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=40)


def test_a_hundred_thousand_masks_come_back(figure):
    rng = np.random.default_rng(15)
    for _ in range(MASKS):
        mask = rng.random(rng.integers(1, 40, 2)) < rng.random()
        assert np.array_equal(decode_runs(encode_runs(mask), mask.shape), mask)
    figure("R15", f"{MASKS:,} random masks come back")


@settings(
    max_examples=EXAMPLES,
    deadline=timedelta(seconds=2),
    suppress_health_check=[HealthCheck.too_slow],
)
@given(arrays(np.bool_, shapes, fill=st.booleans()))
def _comes_back(mask):
    assert np.array_equal(decode_runs(encode_runs(mask), mask.shape), mask)


def test_corners_that_hypothesis_looks_for_come_back(figure):
    _comes_back()
    figure("R15", f"{EXAMPLES:,} of hypothesis")


def test_kaggle_would_take_a_file_of_all_its_frames_and_no_broken_one(tmp_path, figure):
    rng = np.random.default_rng(16)
    rows = [(str(k), _runs(rng) if rng.random() < 0.41 else "") for k in range(1, FRAMES + 1)]
    path = tmp_path / "submission.csv"
    runs = dict(rows[k] for k in rng.permutation(FRAMES))
    write_submission(path, runs, runs.__getitem__)
    check_submission(path)
    lines = path.read_text().splitlines()
    assert lines[0] == "img,pixels"
    assert [line.split(",")[0] for line in lines[1:]] == [str(k) for k in range(1, FRAMES + 1)]
    broken = {
        "a row short": lines[:-1],
        "a row more": [*lines, "5509,"],
        "out of order": [lines[0], lines[2], lines[1], *lines[3:]],
        "an id twice": [*lines[:-1], lines[1]],
        "overlapping runs": [lines[0], "1,5 3 7 2", *lines[2:]],
        "beyond the frame": [lines[0], f"1,{420 * 580} 2", *lines[2:]],
        "from 0": [lines[0], "1,0 2", *lines[2:]],
        "no header": lines[1:],
    }
    for content in broken.values():
        path.write_text("\n".join(content) + "\n")
        with pytest.raises(DataError):
            check_submission(path)
    figure("R15", f"CSV of {FRAMES:,} frames valid, {len(broken)} of {len(broken)} broken refused")


def _runs(rng):
    mask = np.zeros(KAGGLE_SHAPE, dtype=bool)
    row, column = rng.integers(0, 300, 2)
    mask[row : row + rng.integers(1, 100), column : column + rng.integers(1, 200)] = True
    return encode_runs(mask)
