import numpy as np
import pytest
from scipy import ndimage

from nerveceg.outputs.overlays import PREDICTION, TRUTH, contour, draw_overlay


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 200, (60, 90), dtype=np.uint8)


def box(top, left, height=20, width=30):
    mask = np.zeros((60, 90), bool)
    mask[top : top + height, left : left + width] = True
    return mask


def pixels_of(picture, colour):
    return (np.asarray(picture)[:60] == colour).all(axis=-1)


def test_prediction_and_truth_have_their_own_colours_on_their_own_contours(image):
    mask, truth = box(5, 5), box(30, 50)
    picture = draw_overlay(image, mask, truth, caption="1_1")
    assert np.array_equal(pixels_of(picture, PREDICTION), contour(mask))
    assert np.array_equal(pixels_of(picture, TRUTH), contour(truth))
    assert picture.mode == "RGB"


def test_where_both_contours_lie_on_each_other_the_prediction_is_seen(image):
    picture = draw_overlay(image, box(5, 5), box(5, 5), caption="1_1")
    assert np.array_equal(pixels_of(picture, PREDICTION), contour(box(5, 5)))
    assert not pixels_of(picture, TRUTH).any()


def test_the_rest_of_the_frame_stays_grey_and_in_its_place(image):
    mask, truth = box(5, 5), box(30, 50)
    shown = np.asarray(draw_overlay(image, mask, truth, caption="1_1"))[:60]
    rest = ~contour(mask) & ~contour(truth)
    assert np.array_equal(shown[rest], np.stack([image[rest]] * 3, axis=-1))


@pytest.mark.parametrize("truth", [None, np.zeros((60, 90), bool)])
def test_an_empty_prediction_without_a_nerve_has_no_colour(image, truth):
    picture = draw_overlay(image, np.zeros((60, 90), bool), truth, caption="1_1")
    shown = np.asarray(picture)[:60]
    assert np.array_equal(shown, np.stack([image] * 3, axis=-1))


def test_the_caption_stands_below_the_frame(image):
    captioned, bare = (
        draw_overlay(image, box(5, 5), None, caption=caption) for caption in ("1_1", "")
    )
    assert captioned.size == (90, 76)
    first, second = (np.asarray(picture).astype(int) for picture in (captioned, bare))
    assert np.array_equal(first[:60], second[:60])
    assert first[60:].max() > 200
    assert not second[60:].any()


def test_the_given_frame_is_not_drawn_on(image):
    before = image.copy()
    draw_overlay(image, box(5, 5), box(9, 9), caption="1_1")
    assert np.array_equal(image, before)


@pytest.mark.parametrize("mask", [box(10, 10), box(0, 0), box(0, 0, 60, 90), box(4, 4, 1, 1)])
def test_a_contour_lies_inside_its_mask_within_two_pixels_of_what_is_outside(mask):
    outside = np.pad(~mask, 1, constant_values=True)
    steps = ndimage.distance_transform_cdt(~outside, metric="taxicab")[1:-1, 1:-1]
    assert np.array_equal(contour(mask), mask & (steps <= 2))
