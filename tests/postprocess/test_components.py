from itertools import product

import numpy as np
from hypothesis import given
from hypothesis.extra.numpy import array_shapes, arrays

from nerveceg.postprocess.components import (
    bounding_box,
    count_components,
    fill_holes,
    largest_component,
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


@given(masks)
def test_as_many_components_are_counted_as_flooding_finds(mask):
    assert count_components(mask) == len(regions(mask, EIGHT))
