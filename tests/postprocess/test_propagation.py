import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import ndimage

from nerveceg.decision import Rule
from nerveceg.postprocess import postprocess, steps
from nerveceg.postprocess.components import count_components, fill_holes, largest_component
from nerveceg.postprocess.propagation import (
    can_clean,
    clean_batch,
    count_components_of,
    fill_holes_in,
    label,
    largest_components,
)

masks = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12))
EIGHT = np.ones((3, 3), bool)


def assert_as_scipy(many):
    """Labels, largest component, holes and count of masks, bool [N, H, W], one by one by scipy."""
    tensor = torch.from_numpy(many)[:, None]
    found = [f(tensor) for f in (label, largest_components, fill_holes_in, count_components_of)]
    for mask, labels, largest, filled, count in zip(many, *found, strict=True):
        expected, components = ndimage.label(mask, structure=EIGHT)
        assert count == components == count_components(mask)
        pairs = set(zip(labels.flatten().tolist(), expected.flatten().tolist(), strict=True))
        assert len(pairs) == len({first for first, _ in pairs}) == len({last for _, last in pairs})
        assert np.array_equal(largest[0].numpy(), largest_component(mask))
        assert np.array_equal(filled[0].numpy(), fill_holes(mask))


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.1, 0.3, 0.4, 0.5, 0.6, 0.7, 0.9])
def test_thousands_of_random_masks_are_as_scipy_has_them(share):
    random = np.random.default_rng(int(share * 10))
    assert_as_scipy(random.random((300, 20, 31)) < share)


def test_random_masks_of_any_density_are_as_scipy_has_them():
    random = np.random.default_rng(0)
    assert_as_scipy(random.random((60, 20, 31)) < np.linspace(0.05, 0.95, 60)[:, None, None])


def test_smooth_masks_with_holes_and_islands_are_as_scipy_has_them():
    random = np.random.default_rng(0)
    fields = ndimage.gaussian_filter(random.standard_normal((12, 64, 88)), (0, 3, 3))
    assert_as_scipy(np.abs(fields) > np.quantile(np.abs(fields), 0.6))


@settings(max_examples=20)
@given(masks)
def test_any_small_mask_is_as_scipy_has_it(mask):
    assert_as_scipy(mask[None])


def spiral(size):
    """One path that winds inwards, as long as half of the pixels."""
    mask = np.zeros((size, size), bool)
    row, column, step, turned = 0, 0, (0, 1), 0
    mask[0, 0] = True
    while turned < 2:
        ahead = row + step[0], column + step[1]
        beyond = row + 2 * step[0], column + 2 * step[1]
        free = all(0 <= place < size for place in ahead)
        if free and not (all(0 <= place < size for place in beyond) and mask[beyond]):
            row, column = ahead
            mask[row, column] = True
            turned = 0
        else:
            step, turned = (step[1], -step[0]), turned + 1
    return mask


@pytest.mark.parametrize("turn", range(4))
def test_a_spiral_is_one_component_whichever_way_it_winds(turn):
    mask = np.rot90(spiral(63), turn).copy()
    assert ndimage.label(mask, structure=EIGHT)[1] == 1
    assert_as_scipy(np.stack([mask, ~mask]))


def test_combs_and_checkers_are_as_scipy_has_them():
    comb = np.zeros((33, 65), bool)
    comb[:, ::2] = True
    comb[-1] = True
    checker = np.indices((33, 65)).sum(0) % 2 == 0
    assert_as_scipy(np.stack([comb, ~comb, comb[::-1], checker, ~checker]))


def test_of_equal_components_the_first_is_kept():
    mask = np.zeros((9, 9), bool)
    mask[1:3, 5:7] = mask[4:6, 1:3] = mask[7:9, 6:8] = True
    kept = largest_components(torch.from_numpy(mask)[None, None])[0, 0].numpy()
    assert np.array_equal(kept, largest_component(mask))
    assert kept[1:3, 5:7].all()
    assert kept.sum() == 4


@pytest.mark.parametrize(
    "names", [("largest_component", "fill_holes"), ("fill_holes", "largest_component"), ()]
)
def test_a_batch_is_cleaned_as_mask_by_mask_on_a_host(names):
    random = np.random.default_rng(1)
    fields = ndimage.gaussian_filter(random.standard_normal((10, 48, 70)), (0, 3, 3))
    ring = np.abs(fields) > np.quantile(np.abs(fields), 0.6)
    ring[:, :7] = ring[:, :, 60:] = ring[3] = False
    masks = torch.from_numpy(ring)[:, None]
    wanted = postprocess(masks, names)
    assert torch.equal(clean_batch(masks, names), wanted)
    assert torch.equal(clean_batch(masks[3:4], names), wanted[3:4])


def test_what_is_no_step_of_a_device_is_said():
    assert can_clean(Rule().postprocess)
    assert not can_clean(("fill_holes", "ellipse"))


def test_masks_off_the_host_are_cleaned_where_they_are(monkeypatch):
    masks = torch.from_numpy(np.random.default_rng(2).random((4, 1, 20, 30)) < 0.55)
    names = ("largest_component", "fill_holes")
    wanted = postprocess(masks, names)
    monkeypatch.setattr(steps, "on_host", lambda _: False)
    monkeypatch.setattr(steps, "to_host", None)
    assert torch.equal(postprocess(masks, names), wanted)


def test_empty_and_full_masks_and_none_at_all():
    both = np.stack([np.zeros((7, 5), bool), np.ones((7, 5), bool)])
    assert_as_scipy(both)
    none = torch.zeros(0, 1, 7, 5, dtype=torch.bool)
    assert largest_components(none).shape == fill_holes_in(none).shape == (0, 1, 7, 5)
    assert count_components_of(none).shape == (0,)
