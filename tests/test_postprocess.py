from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from nerveceg.errors import NerveCegError
from nerveceg.postprocess import (
    bounding_box,
    check_steps,
    clean_mask,
    fill_holes,
    largest_component,
    postprocess,
)

masks = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12))
FOUR = [(0, 1), (1, 0), (0, -1), (-1, 0)]
EIGHT = [step for step in product((-1, 0, 1), repeat=2) if step != (0, 0)]


def regions(mask, steps):
    """Connected regions as sets of pixels, in the order of their first pixels, by flooding."""
    left = dict.fromkeys(zip(*map(np.ndarray.tolist, np.nonzero(mask)), strict=True))
    found = []
    while left:
        region, front = set(), [next(iter(left))]
        while front:
            pixel = front.pop()
            if pixel in left:
                del left[pixel]
                region.add(pixel)
                front += [(pixel[0] + down, pixel[1] + right) for down, right in steps]
        found.append(region)
    return found


def as_mask(pixels, shape):
    mask = np.zeros(shape, bool)
    for pixel in pixels:
        mask[pixel] = True
    return mask


@given(masks)
def test_the_largest_component_is_what_flooding_finds(mask):
    found = regions(mask, EIGHT)
    expected = as_mask(max(found, key=len, default=()), mask.shape)
    assert np.array_equal(largest_component(mask), expected)


@given(masks)
def test_a_hole_is_what_flooding_from_the_border_does_not_reach(mask):
    last = mask.shape[0] - 1, mask.shape[1] - 1
    filled = mask.copy()
    for region in regions(~mask, FOUR):
        if not any(row in (0, last[0]) or column in (0, last[1]) for row, column in region):
            filled |= as_mask(region, mask.shape)
    assert np.array_equal(fill_holes(mask), filled)


@given(
    st.lists(arrays(np.bool_, (9, 13)), min_size=1, max_size=4),
    st.permutations(["largest_component", "fill_holes"]),
    st.integers(0, 2),
)
def test_work_inside_the_bounding_box_changes_nothing(drawn, names, count):
    batch = torch.from_numpy(np.stack(drawn))[:, None]
    before = batch.clone()
    done = postprocess(batch, names[:count])
    assert done.shape == batch.shape
    assert done.dtype == torch.bool
    assert torch.equal(batch, before), "the masks given stay as they are"
    for mask, result in zip(drawn, done[:, 0].numpy(), strict=True):
        assert np.array_equal(result, clean_mask(mask, names[:count]))


def test_steps_are_done_in_their_order():
    ring = np.zeros((9, 9), bool)
    ring[1:8, 1:8] = True
    ring[2:7, 2:7] = False
    ring[4, 4] = True
    first_filled = clean_mask(ring, ("fill_holes", "largest_component"))
    assert first_filled.sum() == 49
    other = np.zeros((6, 12), bool)
    other[:, :5] = True
    other[1:5, 1:4] = False  # 18 pixels with a hole of 12
    other[:4, 6:11] = True  # 20 pixels
    assert clean_mask(other, ("largest_component", "fill_holes"))[:, 6:].sum() == 20
    assert clean_mask(other, ("fill_holes", "largest_component"))[:, :5].sum() == 30


@given(masks)
def test_the_bounding_box_is_the_smallest_that_holds_the_mask(mask):
    box = bounding_box(mask)
    if not mask.any():
        assert box is None
        return
    rows, columns = np.nonzero(mask)
    assert box == (
        slice(rows.min(), rows.max() + 1),
        slice(columns.min(), columns.max() + 1),
    )


def test_an_unknown_step_is_named_with_those_that_exist():
    with pytest.raises(NerveCegError) as caught:
        check_steps(["fill_holes", "smooth"])
    assert "'smooth'" in str(caught.value)
    assert "largest_component, fill_holes" in str(caught.value)
