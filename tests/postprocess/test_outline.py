import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import ndimage

from nerveceg.postprocess.outline import CLOSING_RADIUS, closing, ellipse

masks = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=14))


@given(masks, st.integers(1, 4))
def test_closing_is_dilation_and_erosion_by_a_disk_on_an_endless_plane(mask, radius):
    rows, columns = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    disk = rows**2 + columns**2 <= radius**2
    plane = np.pad(mask, 3 * radius)
    wanted = ndimage.binary_erosion(ndimage.binary_dilation(plane, disk), disk)
    inner = slice(3 * radius, -3 * radius)
    assert np.array_equal(closing(mask, radius=radius), wanted[inner, inner])


@given(masks, st.integers(1, 4))
def test_closing_only_adds_and_a_second_time_adds_nothing(mask, radius):
    closed = closing(mask, radius=radius)
    assert not (mask & ~closed).any()
    assert np.array_equal(closing(closed, radius=radius), closed)


def test_a_gap_is_bridged_up_to_the_disks_width():
    for gap, bridged in ((2 * CLOSING_RADIUS - 10, True), (2 * CLOSING_RADIUS + 2, False)):
        mask = np.zeros((120, 160), bool)
        mask[:, :50] = mask[:, 50 + gap :] = True
        assert closing(mask)[60, 50 : 50 + gap].all() == bridged
    alone = np.zeros((60, 60), bool)
    alone[7, 9] = True
    assert np.array_equal(closing(alone), alone)


def filled_ellipse(shape, centre, axes, angle):
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    down, right = rows - centre[0], columns - centre[1]
    along = down * np.cos(angle) + right * np.sin(angle)
    across = right * np.cos(angle) - down * np.sin(angle)
    return (along / axes[0]) ** 2 + (across / axes[1]) ** 2 <= 1


ellipses = st.tuples(
    st.tuples(st.floats(45, 75), st.floats(45, 95)),
    st.tuples(st.floats(12, 40), st.floats(12, 40)),
    st.floats(0, np.pi),
)


@given(ellipses)
def test_an_ellipse_stays_the_ellipse_it_is(drawn):
    mask = filled_ellipse((120, 140), *drawn)
    found = ellipse(mask)
    assert 2 * (found & mask).sum() / (found.sum() + mask.sum()) > 0.98
    area = np.pi * drawn[1][0] * drawn[1][1]
    assert found.sum() == pytest.approx(area, rel=0.05)


def test_a_rectangle_becomes_the_ellipse_of_its_variances():
    mask = np.zeros((60, 80), bool)
    mask[20:40, 15:65] = True
    axes = 2 * np.sqrt((20**2 / 12, 50**2 / 12))  # a side s of unit pixels has variance s^2 / 12
    assert np.array_equal(ellipse(mask), filled_ellipse((60, 80), (29.5, 39.5), axes, 0))


@given(masks, st.integers(0, 5), st.integers(0, 5))
def test_each_component_keeps_a_pixel_and_place_does_not_matter(mask, down, right):
    labels, count = ndimage.label(mask, np.ones((3, 3)))
    around = np.pad(mask, 30)
    found = ellipse(around)
    moved = ellipse(np.roll(around, (down, right), (0, 1)))
    assert np.array_equal(moved, np.roll(found, (down, right), (0, 1)))
    for number in range(1, count + 1):
        assert found[30:-30, 30:-30][labels == number].any()


def test_two_components_are_two_ellipses_and_the_frame_cuts_them():
    mask = filled_ellipse((90, 200), (40, 50), (20, 30), 0.4)
    mask |= filled_ellipse((90, 200), (45, 150), (25, 15), 0)
    assert ndimage.label(ellipse(mask))[1] == 2
    half = filled_ellipse((90, 200), (0, 100), (40, 30), 0)
    assert ellipse(half).shape == half.shape
    assert ellipse(half)[0].sum() > 0
