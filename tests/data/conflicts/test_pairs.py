"""The verdict on a pair, against sets of pixels."""

import numpy as np
import pytest
from PIL import Image

from nerveceg.data.conflicts.pairs import aligned_dice, judge_pair
from nerveceg.data.frames import find_frames


def ellipse(row, column, shape=(60, 80)):
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    return ((rows - row) / 12) ** 2 + ((columns - column) / 7) ** 2 < 1


def pixels(mask):
    return set(zip(*(axis.tolist() for axis in np.nonzero(mask)), strict=True))


@pytest.mark.parametrize(("rows", "columns"), [(0, 0), (5, -4), (-9, 12), (3, 0), (0, -6)])
def test_dice_is_of_the_second_mask_moved_onto_the_first(rows, columns):
    one, other = ellipse(30, 40), ellipse(33, 36)
    moved = {(r + rows, c + columns) for r, c in pixels(other)}
    expected = 2 * len(pixels(one) & moved) / (len(pixels(one)) + len(pixels(other)))
    assert aligned_dice(one, other, rows=rows, columns=columns) == pytest.approx(expected)


def test_a_mask_of_another_size_is_brought_to_the_first_ones():
    one = ellipse(30, 40)
    half = one[::2, ::2]
    assert aligned_dice(one, half, rows=0, columns=0) > 0.85
    assert aligned_dice(half, one, rows=0, columns=0) > 0.85


@pytest.fixture
def folder(tmp_path):
    def write(name, image, mask):
        Image.fromarray(image).save(tmp_path / f"{name}.png")
        Image.fromarray(mask * np.uint8(255)).save(tmp_path / f"{name}_mask.png")

    grey = np.random.default_rng(0).integers(0, 256, (60, 80), dtype=np.uint8)
    write("1_1", grey, ellipse(30, 40))
    write("1_2", grey, ellipse(30, 40) & False)
    write("1_3", grey, ellipse(32, 41))
    write("1_4", grey ^ 1, ellipse(30, 12))
    write("1_5", grey, ellipse(30, 40) & False)
    return find_frames(tmp_path)


@pytest.mark.parametrize(
    ("one", "other", "kind", "exact"),
    [
        (0, 1, "presence", True),
        (1, 0, "presence", True),
        (0, 2, "agrees", True),
        (0, 3, "mask", False),
        (1, 4, "agrees", True),
    ],
)
def test_presence_that_differs_or_masks_apart_contradict_each_other(
    folder, one, other, kind, exact
):
    pair = judge_pair(folder[one], folder[other], ncc=0.99995, shift=(0, 0))
    assert (pair.kind, pair.exact, pair.contradicts) == (kind, exact, kind != "agrees")
    assert (pair.first, pair.second, pair.subject) == (folder[one].id, folder[other].id, "1")
    assert (pair.dice is None) == (kind == "presence" or (one, other) == (1, 4))


def test_shifts_are_told_in_native_pixels_of_the_first_frame(folder):
    pair = judge_pair(folder[0], folder[2], ncc=0.97, shift=(-2, 3))
    assert pair.shift_rows == pytest.approx(-2 * 60 / 140)
    assert pair.shift_columns == pytest.approx(3 * 80 / 145)


def test_masks_that_only_alignment_brings_together_agree(folder):
    far = folder[3]._replace(mask=folder[0].mask)
    # 40 columns of a thumbnail are 22 of 80 native pixels: three half-axes of the ellipse.
    assert judge_pair(far, folder[0], ncc=0.97, shift=(0, 0)).kind == "agrees"
    assert judge_pair(far, folder[0], ncc=0.97, shift=(0, 40)).kind == "mask"
