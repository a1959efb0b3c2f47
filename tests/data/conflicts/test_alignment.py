"""Likeness and shift against loops over pixels and shifts."""

from itertools import product

import numpy as np
import pytest
from scipy import ndimage

from nerveceg.data.conflicts.alignment import REACH, align, likeness
from nerveceg.data.conflicts.thumbnails import GRID, read_copies, standardised_copy

SHIFTS = list(product(range(-REACH[0], REACH[0] + 1), range(-REACH[1], REACH[1] + 1)))


def texture(seed):
    noise = np.random.default_rng(seed).standard_normal((160, 170))
    return ndimage.gaussian_filter(noise, (1.5, 3))


def standardised(pixels):
    pixels = pixels - pixels.mean()
    return (pixels / np.linalg.norm(pixels)).astype(np.float32)


def window(field, down, right):
    return standardised(field[10 + down : 143 + down, 10 + right : 154 + right])


def correlation(one, other):
    """Pearson's r by its definition, in double precision."""
    one, other = (np.asarray(x, np.float64).ravel() for x in (one, other))
    one, other = one - one.mean(), other - other.mean()
    return float((one * other).sum() / np.sqrt((one**2).sum() * (other**2).sum()))


def overlap(one, other, down, right):
    """Both frames where both have pixels once the second is moved by (down, right)."""
    rows, columns = one.shape
    places = [
        (r, c)
        for r, c in product(range(rows), range(columns))
        if 0 <= r - down < rows and 0 <= c - right < columns
    ]
    return [one[r, c] for r, c in places], [other[r - down, c - right] for r, c in places]


def places(*pairs):
    first, second = zip(*pairs, strict=True)
    return np.array(first), np.array(second)


def test_likeness_is_the_correlation_of_every_two_frames(frames):
    copies = read_copies(frame.image for frame in frames[:6])
    found = likeness(copies)
    for i, j in product(range(6), repeat=2):
        assert found[i, j] == pytest.approx(correlation(copies[i], copies[j]), abs=1e-5)


@pytest.mark.parametrize("shape", [(420, 580), (210, 290), (37, 51), (1, 1), (700, 300)])
def test_a_copy_of_any_frame_has_one_size_mean_0_and_sum_of_squares_1(shape):
    image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    copy = standardised_copy(image)
    assert copy.shape == (GRID[0] - 7, GRID[1] - 1)
    assert copy.dtype == np.float32
    if image.size > 1:
        assert copy.mean() == pytest.approx(0, abs=1e-6)
        assert (copy**2).sum() == pytest.approx(1, abs=1e-4)


def test_a_flat_frame_is_like_no_other_and_no_division_by_zero():
    copies = np.stack([standardised_copy(np.full((420, 580), 9, np.uint8))] * 2)
    aligned = align(copies, *places((0, 1)))
    assert not copies.any()
    assert aligned.ncc.tolist() == [0]


@pytest.mark.parametrize(("down", "right"), SHIFTS)
def test_a_known_shift_is_found_and_undone(down, right):
    field = texture(100 + down * 10 + right)
    copies = np.stack([window(field, 0, 0), window(field, down, right)])
    aligned = align(copies, *places((0, 1), (1, 0)))
    assert aligned.shift.tolist() == [[down, right], [-down, -right]]
    assert aligned.ncc == pytest.approx([1, 1], abs=1e-4)


def test_a_shift_is_found_through_noise_as_exhaustive_search_finds_it():
    random = np.random.default_rng(3)
    for seed, (down, right) in enumerate([(0, 0), (4, -3), (-2, 1), (3, 3)]):
        field = texture(seed)
        copies = [window(field, 0, 0), window(field, down, right)]
        noise = [random.standard_normal(c.shape) * 0.5 * c.std() for c in copies]
        copies = np.stack([standardised(c + n) for c, n in zip(copies, noise, strict=True)])
        tried = {s: correlation(*overlap(*copies, *s)) for s in SHIFTS[:: 1 if seed == 1 else 9]}
        tried[down, right] = correlation(*overlap(*copies, down, right))
        aligned = align(copies, *places((0, 1)))
        assert tuple(aligned.shift[0]) == max(tried, key=tried.get) == (down, right)
        assert aligned.ncc[0] == pytest.approx(tried[down, right], abs=1e-4)


def test_the_ncc_after_alignment_is_that_of_the_overlap_and_no_less_than_before(frames):
    copies = read_copies(frame.image for frame in frames[:12])
    first, second = np.nonzero(np.triu(np.ones((12, 12)), k=1))
    aligned = align(copies, first, second)
    assert (aligned.ncc >= likeness(copies)[first, second]).all()
    assert np.abs(aligned.shift).any(axis=1).sum() > 5
    for place in range(0, len(first), 11):
        pair = copies[first[place]], copies[second[place]]
        expected = correlation(*overlap(*pair, *aligned.shift[place]))
        assert aligned.ncc[place] == pytest.approx(expected, abs=1e-4)


def test_no_pairs_are_no_error():
    copies = np.stack([window(texture(0), 0, 0)])
    nothing = np.empty(0, np.int64)
    aligned = align(copies, nothing, nothing)
    assert (aligned.ncc.shape, aligned.shift.shape) == ((0,), (0, 2))
