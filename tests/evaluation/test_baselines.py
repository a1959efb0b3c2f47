import numpy as np
import pytest
import torch

from nerveceg.errors import NerveCegError
from nerveceg.evaluation.baselines import fit_constant_mask


def ellipses(frames: int, size=(64, 88)) -> list[np.ndarray]:
    generator = np.random.default_rng(1)
    row, column = np.mgrid[: size[0], : size[1]] / np.reshape(size, (2, 1, 1))
    centres = generator.normal((0.4, 0.6), 0.06, size=(frames, 2))
    return [((row - y) / 0.12) ** 2 + ((column - x) / 0.2) ** 2 < 1 for y, x in centres]


def mean_dice(mask: np.ndarray, truths: list[np.ndarray]) -> float:
    return float(np.mean([2 * (mask & t).sum() / (mask.sum() + t.sum()) for t in truths]))


def test_no_other_threshold_of_the_mean_scores_better_on_the_training_masks():
    truths = ellipses(40)
    fitted = fit_constant_mask(truths, grid=(64, 88))
    mean = np.mean(truths, axis=0, dtype=np.float32)
    others = [mean_dice(mean >= k / 100, truths) for k in range(1, 100)]
    ours = mean_dice(fitted.at(64, 88)[0, 0].numpy(), truths)
    assert ours == pytest.approx(max(others), abs=1e-12)
    assert ours > others[49]


def test_empty_masks_and_other_sizes_change_nothing_much():
    truths = ellipses(40)
    mixed = [*truths[:20], *ellipses(40, (96, 132))[20:], np.zeros((30, 30), dtype=bool)]
    one, other = fit_constant_mask(truths), fit_constant_mask(mixed)
    a, b = one.at(420, 580), other.at(420, 580)
    assert a.shape == (1, 1, 420, 580)
    assert a.dtype == torch.bool
    assert 2 * (a & b).sum() / (a.sum() + b.sum()) > 0.97


def test_masks_without_a_nerve_are_refused():
    with pytest.raises(NerveCegError, match="training mask that isn't empty"):
        fit_constant_mask([np.zeros((8, 8), dtype=bool)])
