import numpy as np
import pytest
import torch
from scipy import ndimage

from nerveceg.evaluation.surface import border, surface_scores


def blob(generator: np.random.Generator) -> np.ndarray:
    """Some pieces with holes; about a third touch the edge of the frame."""
    field = ndimage.gaussian_filter(generator.normal(size=(60, 80)), generator.uniform(1.5, 6))
    return field > np.quantile(field, generator.uniform(0.7, 0.99))


@pytest.fixture(scope="module")
def blobs() -> list[tuple[np.ndarray, np.ndarray]]:
    generator = np.random.default_rng(0)
    return [(blob(generator), blob(generator)) for _ in range(60)]


def test_distances_equal_monai(blobs):
    from monai.metrics import compute_hausdorff_distance, compute_surface_dice

    for mask, truth in blobs:
        pair = [torch.from_numpy(part)[None, None] for part in (mask, truth)]
        hd95 = compute_hausdorff_distance(*pair, include_background=True, percentile=95)
        nsd = compute_surface_dice(*pair, class_thresholds=[5.0], include_background=True)
        ours = surface_scores(mask, truth)
        assert ours.hd95 == pytest.approx(hd95.item(), rel=1e-5)
        assert ours.nsd == pytest.approx(nsd.item(), abs=1e-6)


def test_the_border_is_what_erosion_takes(blobs):
    for mask, _ in blobs:
        assert np.array_equal(border(mask), np.argwhere(mask & ~ndimage.binary_erosion(mask)))


def test_a_shift_is_its_own_distance():
    mask, moved = np.zeros((2, 40, 60), dtype=bool)
    mask[10:20, 10:30] = moved[10:20, 17:37] = True
    assert surface_scores(mask, moved).hd95 == 7
    assert surface_scores(mask, moved, spacing=0.5).hd95 == 3.5
    assert surface_scores(mask, moved, tolerance=7).nsd == 1
    assert surface_scores(mask, moved).nsd < 1


def test_equal_masks_lie_at_distance_zero(blobs):
    mask = blobs[0][0]
    assert surface_scores(mask, mask) == (0, 1)


def test_the_order_of_the_masks_does_not_matter(blobs):
    mask, truth = blobs[1]
    assert surface_scores(mask, truth) == pytest.approx(surface_scores(truth, mask))


@pytest.mark.parametrize(("mask", "truth"), [(0, 1), (1, 0), (0, 0)])
def test_an_empty_mask_has_no_distance(mask, truth):
    pair = (np.full((8, 8), value, dtype=bool) for value in (mask, truth))
    assert np.isnan(surface_scores(*pair)).all()
