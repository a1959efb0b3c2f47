import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from nerveceg.data.runlength import decode_runs, encode_runs
from nerveceg.errors import DataError

masks = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12))


def runs_by_hand(mask):
    """Walk down each column, pixel by pixel, as Kaggle's rules are worded."""
    rows, columns = mask.shape
    inside = [
        column * rows + row + 1
        for column in range(columns)
        for row in range(rows)
        if mask[row, column]
    ]
    pairs = []
    for pixel in inside:
        if pairs and pixel == sum(pairs[-1]):
            pairs[-1][1] += 1
        else:
            pairs.append([pixel, 1])
    return " ".join(f"{start} {length}" for start, length in pairs)


@given(masks)
def test_runs_are_those_of_a_walk_down_the_columns(mask):
    assert encode_runs(mask) == runs_by_hand(mask)


@given(masks)
def test_a_mask_comes_back_from_its_runs(mask):
    np.testing.assert_array_equal(decode_runs(encode_runs(mask), mask.shape), mask)


def test_ten_thousand_masks_come_back_from_their_runs():
    rng = np.random.default_rng(0)
    for _ in range(10_000):
        mask = rng.random(rng.integers(1, 20, 2)) < rng.random()
        assert (decode_runs(encode_runs(mask), mask.shape) == mask).all()


def test_numbers_run_down_columns_and_start_at_one():
    mask = np.zeros((420, 580), dtype=bool)
    mask[0, 0] = mask[419, 0] = mask[0, 1] = mask[419, 579] = True
    assert encode_runs(mask) == "1 1 420 2 243600 1"


@pytest.mark.parametrize(
    ("mask", "runs"),
    [
        (np.zeros((3, 2), bool), ""),
        (np.ones((3, 2), bool), "1 6"),
        (np.array([[0, 1], [0, 0]], bool), "3 1"),
    ],
)
def test_corner_masks_have_these_runs(mask, runs):
    assert encode_runs(mask) == runs
    np.testing.assert_array_equal(decode_runs(runs, mask.shape), mask)


def test_masks_in_any_memory_order_have_the_same_runs():
    mask = np.random.default_rng(1).random((30, 40)) < 0.5
    assert encode_runs(np.asfortranarray(mask)) == encode_runs(mask)
    assert encode_runs(mask[::-1][::-1]) == encode_runs(mask)


@pytest.mark.parametrize(
    "runs",
    [
        "1",
        "1 2 3",
        "a b",
        "1.0 2",
        "-1 2",
        "0 1",
        "1 0",
        "6 2",
        "7 1",
        "3 2 4 1",
        "4 1 1 1",
        "² 1",
        "9223372036854775807 9223372036854775807",
        "99999999999999999999 1",
        "1 18446744073709551616",
        "9" * 5000 + " 1",
    ],
)
def test_runs_that_fit_no_mask_are_refused_in_one_line(runs):
    with pytest.raises(DataError) as error:
        decode_runs(runs, (3, 2))
    assert "\n" not in str(error.value)


@given(st.text(alphabet="0123456789 -.x", max_size=20))
def test_any_text_is_a_mask_or_a_data_error(runs):
    try:
        mask = decode_runs(runs, (3, 4))
    except DataError:
        return
    assert mask.sum() == sum(map(int, runs.split()[1::2]))
