import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nerveceg.errors import NerveCegError
from nerveceg.postprocess import components, outline
from nerveceg.postprocess.shape_prior import fit_shape_prior
from nerveceg.postprocess.steps import (
    BY_NAME,
    check_steps,
    clean_mask,
    postprocess,
    require_priors,
    stay_inside,
)

SHAPES = np.random.default_rng(0).random((24, 9, 13)) < 0.5
PRIORS = [fit_shape_prior(SHAPES, grid=(9, 13))]


@given(
    st.lists(arrays(np.bool_, (9, 13)), min_size=1, max_size=4),
    st.permutations(list(BY_NAME)),
    st.integers(0, 5),
)
def test_a_batch_is_done_mask_by_mask(drawn, names, count):
    batch = torch.from_numpy(np.stack(drawn))[:, None]
    before = batch.clone()
    done = postprocess(batch, names[:count], PRIORS)
    assert done.shape == batch.shape
    assert done.dtype == torch.bool
    assert torch.equal(batch, before), "the masks given stay as they are"
    for mask, result in zip(drawn, done[:, 0].numpy(), strict=True):
        assert np.array_equal(result, clean_mask(mask, names[:count], PRIORS))


@given(arrays(np.bool_, (9, 13)))
def test_steps_that_stay_inside_set_no_pixel_outside_the_box_of_their_mask(mask):
    staying = [name for name in BY_NAME if stay_inside([name])]
    assert staying == ["largest_component", "fill_holes", "closing"]
    box = components.bounding_box(mask)
    for name in staying if box else ():
        outside = clean_mask(mask, [name])
        outside[box] = False
        assert not outside.any()


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


@pytest.mark.parametrize(
    ("name", "alone"),
    [
        ("largest_component", components.largest_component),
        ("fill_holes", components.fill_holes),
        ("closing", outline.closing),
        ("ellipse", outline.ellipse),
    ],
)
def test_work_inside_the_bounding_box_changes_nothing(name, alone):
    random = np.random.default_rng(1)
    for share in (0.0, 0.002, 0.02, 0.2):
        mask = np.zeros((40, 50), bool)
        mask[5:30, 8:44] = random.random((25, 36)) < share
        before = mask.copy()
        assert np.array_equal(clean_mask(mask, [name]), alone(mask))
        assert np.array_equal(mask, before)


@given(arrays(np.bool_, (9, 13)), st.lists(st.sampled_from(list(BY_NAME)), max_size=3))
def test_only_the_shape_prior_empties_a_mask_and_nothing_fills_an_empty_one(mask, names):
    done = clean_mask(mask, names, PRIORS)
    assert done.dtype == np.bool_
    assert mask.any() or not done.any()
    assert done.any() or not mask.any() or "shape_prior" in names


def test_an_unknown_step_is_named_with_those_that_exist():
    with pytest.raises(NerveCegError) as caught:
        check_steps(["fill_holes", "smooth"])
    assert "'smooth'" in str(caught.value)
    assert "largest_component, fill_holes" in str(caught.value)


def test_a_step_that_needs_what_training_did_not_leave_is_refused_in_one_line():
    with pytest.raises(NerveCegError, match="21 training frames with nerve") as caught:
        clean_mask(np.ones((4, 4), bool), ["fill_holes", "shape_prior"])
    assert "\n" not in str(caught.value)
    require_priors(["shape_prior"], PRIORS)
    require_priors(["closing"], ())
