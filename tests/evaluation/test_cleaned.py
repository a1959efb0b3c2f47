import numpy as np
import pytest
import torch
from scipy import ndimage

from nerveceg.evaluation.cleaned import count_cleaned
from nerveceg.postprocess import clean_mask, postprocess

NAMES = ("largest_component", "fill_holes")


@pytest.fixture(scope="module")
def frames():
    """Smooth probabilities with islands and holes, one map below every threshold, and truth."""
    random = np.random.default_rng(0)
    fields = ndimage.gaussian_filter(random.standard_normal((6, 1, 40, 52)), (0, 0, 3, 3))
    probability = (4 * fields / fields.std() * (np.indices((40, 52)).sum(0) < 60) - 3).clip(-9, 9)
    probability[3] = -9
    truth = ndimage.gaussian_filter(random.standard_normal((6, 1, 40, 52)), (0, 0, 4, 4)) > 0.03
    return torch.from_numpy(probability).float().sigmoid(), torch.from_numpy(truth)


@pytest.mark.parametrize("inside", [False, True])
def test_counts_are_those_of_masks_cleaned_one_by_one(frames, inside):
    probability, truth = frames
    hits, area = count_cleaned(
        probability, truth, lambda masks: postprocess(masks, NAMES), steps=10, inside=inside
    )
    assert hits.dtype == area.dtype == torch.int32
    assert hits.shape == area.shape == (6, 9)
    for frame, column in np.ndindex(6, 9):
        threshold = np.float32(column + 1) / np.float32(10)
        mask = clean_mask((probability[frame, 0] >= threshold).numpy(), NAMES)
        assert area[frame, column] == mask.sum()
        assert hits[frame, column] == (mask & truth[frame, 0].numpy()).sum()
    assert not area[3].any()
    assert len(np.unique(area)) > 20
