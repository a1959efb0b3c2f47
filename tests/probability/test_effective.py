import numpy as np
import pytest
from scipy.stats import f_oneway

from nerveceg.probability.effective import effective_frames


def test_the_worth_of_kaggles_frames_is_that_of_its_correlation():
    """Beta(1.48, 2.11) has the correlation 1 / (1 + 1.48 + 2.11) within subjects."""
    generator = np.random.default_rng(0)
    worth = []
    for _ in range(200):
        present = generator.random((47, 120)) < generator.beta(1.48, 2.11, size=(47, 1))
        worth.append(effective_frames(present.ravel(), np.repeat(np.arange(47), 120)))
    design_effect = 1 + 119 / (1 + 1.48 + 2.11)
    assert np.mean(worth) == pytest.approx(47 * 120 / design_effect, rel=0.05)


def test_the_variance_of_the_prevalence_is_that_of_so_many_independent_frames():
    """With subjects of unequal numbers of frames, against the variance of the mean itself."""
    generator = np.random.default_rng(1)
    sizes = generator.integers(5, 60, size=80)
    owner = np.repeat(np.arange(80), sizes)
    means, worth = [], []
    for _ in range(1000):
        present = generator.random(len(owner)) < generator.beta(2, 3, size=80)[owner]
        means.append(present.mean())
        worth.append(effective_frames(present, owner))
    assert np.mean(worth) == pytest.approx(0.4 * 0.6 / np.var(means), rel=0.1)


def test_the_correlation_is_that_of_the_analysis_of_variance():
    sizes, present = [100, 30, 7, 5, 4], np.random.default_rng(4).random(146) < 0.5
    present[:90] = True
    groups = np.split(present.astype(float), np.cumsum(sizes)[:-1])
    ratio, own = f_oneway(*groups).statistic, np.square(sizes).sum() / 146
    correlation = (ratio - 1) / (ratio + (146 - own) / 4 - 1)
    worth = effective_frames(present, np.repeat(np.arange(5), sizes))
    assert worth == pytest.approx(146 / (1 + (own - 1) * correlation))


def test_independent_frames_count_in_full():
    present = np.random.default_rng(2).random(6000) < 0.4
    assert effective_frames(present, np.arange(6000) // 100) > 2500
    assert effective_frames(present, np.arange(6000)) == 6000


def test_frames_that_repeat_their_subject_count_once_a_subject():
    present = np.repeat(np.random.default_rng(3).random(50) < 0.5, 20)
    assert effective_frames(present, np.repeat(np.arange(50), 20)) == pytest.approx(50)
    assert effective_frames(present, np.zeros(1000)) == 1
