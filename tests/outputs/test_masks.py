import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image

from nerveceg.data.images import read_mask_file
from nerveceg.data.runlength import decode_runs, encode_runs
from nerveceg.errors import DataError, NerveCegError
from nerveceg.outputs.masks import (
    KAGGLE_SHAPE,
    KAGGLE_TEST_FRAMES,
    check_submission,
    read_submission,
    write_mask,
    write_submission,
)

masks = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=16))


def frame_square(number):
    """A mask whose place tells the frame's number."""
    mask = np.zeros(KAGGLE_SHAPE, bool)
    row, column = divmod(number, KAGGLE_SHAPE[1])
    mask[row : row + 3, column : column + 2] = True
    return mask


@pytest.mark.parametrize("suffix", ["png", "tif", "tiff", "PNG"])
def test_a_mask_file_is_8_bit_grey_of_0_and_255_at_native_size(tmp_path, suffix):
    mask = np.random.default_rng(0).random((21, 34)) < 0.4
    write_mask(tmp_path / f"s1/m.{suffix}", mask)
    with Image.open(tmp_path / f"s1/m.{suffix}") as picture:
        assert (picture.mode, picture.size) == ("L", (34, 21))
        np.testing.assert_array_equal(np.array(picture), np.where(mask, 255, 0))
        assert picture.info.get("compression") == (None if "ng" in suffix.lower() else "tiff_lzw")


@settings(max_examples=50)
@given(mask=masks, suffix=st.sampled_from(["png", "tif"]))
def test_a_mask_comes_back_from_its_file(tmp_path_factory, mask, suffix):
    path = tmp_path_factory.getbasetemp() / f"again.{suffix}"
    write_mask(path, mask)
    np.testing.assert_array_equal(read_mask_file(path), mask)


@pytest.mark.parametrize("name", ["m.jpg", "m.bmp", "m"])
def test_other_suffixes_are_refused_and_nothing_is_written(tmp_path, name):
    with pytest.raises(NerveCegError, match=f"{name}: masks are written as .png, .tif or .tiff"):
        write_mask(tmp_path / name, np.zeros((3, 4), bool))
    assert not list(tmp_path.iterdir())


def test_a_mask_that_can_not_be_written_leaves_nothing_beside_its_place(tmp_path):
    (tmp_path / "m.png").mkdir()
    with pytest.raises(OSError, match="m.png"):
        write_mask(tmp_path / "m.png", np.ones((3, 4), bool))
    assert [path.name for path in tmp_path.iterdir()] == ["m.png"]


def test_a_submission_holds_every_test_frame_in_order_under_its_own_number(tmp_path):
    path = tmp_path / "submission.csv"
    numbers = np.random.default_rng(0).permutation(np.arange(1, KAGGLE_TEST_FRAMES + 1))
    rows = {str(n): encode_runs(frame_square(n)) if n % 2 else "" for n in numbers}
    write_submission(path, rows, rows.__getitem__)
    lines = path.read_text().splitlines()
    assert len(lines) == KAGGLE_TEST_FRAMES + 1
    assert lines[0] == "img,pixels"
    assert [line.split(",")[0] for line in lines[1:]] == [str(n) for n in range(1, 5509)]
    check_submission(path)
    for number in (1, 2, 10, 2755, 5507, 5508):
        wanted = frame_square(number) if number % 2 else np.zeros(KAGGLE_SHAPE, bool)
        runs = read_submission(path)[str(number)]
        np.testing.assert_array_equal(decode_runs(runs, KAGGLE_SHAPE), wanted)


def test_a_submission_of_one_square_reads_as_kaggle_words_it(tmp_path):
    mask = np.zeros(KAGGLE_SHAPE, bool)
    mask[0:2, 0:2] = True
    rows = {"2": encode_runs(mask), "1": ""}
    write_submission(tmp_path / "s.csv", rows, rows.__getitem__)
    assert (tmp_path / "s.csv").read_bytes() == b"img,pixels\n1,\n2,1 2 421 2\n"


@settings(max_examples=50)
@given(rows=st.dictionaries(st.integers(1, 400).map(str), masks, min_size=1, max_size=8))
def test_masks_come_back_from_a_submission(tmp_path_factory, rows):
    path = tmp_path_factory.getbasetemp() / "again.csv"
    write_submission(path, rows, lambda frame: encode_runs(rows[frame]))
    runs = read_submission(path)
    assert list(runs) == sorted(rows, key=int)
    for frame, mask in rows.items():
        np.testing.assert_array_equal(decode_runs(runs[frame], mask.shape), mask)


def test_a_mask_s_crop_padded_back_keeps_every_pixel_in_its_run_lengths():
    mask = np.zeros(KAGGLE_SHAPE, bool)
    mask[60:200, 250:420] = np.random.default_rng(2).random((140, 170)) < 0.7
    padded = np.pad(mask[10:410, 90:490], ((10, 10), (90, 90)))
    assert encode_runs(padded) == encode_runs(mask)
    with pytest.raises(AssertionError):
        np.testing.assert_array_equal(decode_runs(encode_runs(mask[:, 80:500]), KAGGLE_SHAPE), mask)


def test_a_frame_that_stands_twice_is_refused_and_nothing_is_written(tmp_path):
    with pytest.raises(NerveCegError, match="frame 3 would stand there twice"):
        write_submission(tmp_path / "s.csv", ["3", "4", "3"], lambda _: "")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("img,pixels\n1,\n2,\n", "has 2 rows: 3 are wanted"),
        ("img,pixels\n1,\n2,\n3,\n4,\n", "has 4 rows: 3 are wanted"),
        ("img,pixels\n0,\n1,\n2,\n", "frame 0 stands where 1 is wanted"),
        ("img,pixels\n1,\n3,\n2,\n", "frame 3 stands where 2 is wanted"),
        ("img,pixels\n1,\n2,\n2,\n", "line 4: frame 2 stands in a row above already"),
        ("img,pixels\n1,\n2,5 3 7 1\n3,\n", 'frame 2: run "7 1" doesn\'t fit'),
        ("img,pixels\n1,\n2,243600 2\n3,\n", "frame 2: run"),
        ("img,pixels\n1,\n2,0 2\n3,\n", "frame 2: run"),
        ("img,pixels\n1,\n2,4\n3,\n", "frame 2: .* is no run-length string"),
        ("img,rle\n1,\n", "pixels missing"),
    ],
)
def test_a_submission_kaggle_would_refuse_is_refused(tmp_path, text, words):
    path = tmp_path / "s.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=words) as error:
        check_submission(path, frames=3)
    assert str(path) in str(error.value)
