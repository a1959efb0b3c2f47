import numpy as np
import pytest

from nerveceg.errors import NerveCegError
from nerveceg.evaluation.ladder import Rung, climb
from nerveceg.outputs.ladder import ladder_table


def make_rungs(subjects=30, frames=3, gain=0.1):
    random = np.random.default_rng(0)
    ids = np.arange(subjects * frames).astype(str)
    names = np.repeat(np.arange(subjects), frames).astype(str)
    low = random.random(len(ids)) * 0.8
    return [Rung("low", ids, names, low), Rung("high", ids, names, low + gain, low + gain + 0.01)]


def test_a_step_is_the_paired_difference_to_the_rung_below():
    low, high = climb(make_rungs(), resamples=200)
    assert low.difference is None
    assert high.difference == pytest.approx((0.1, 0.1, 0.1))
    assert high.gap == pytest.approx((0.01, 0.01, 0.01))
    assert low.dice.low < low.dice.value < low.dice.high


def test_intervals_are_over_subjects_by_brute_force():
    rungs = make_rungs(gain=0.0)
    noise = np.random.default_rng(1).normal(size=len(rungs[0].ids)) * 0.1
    step = climb([rungs[0], rungs[1]._replace(dice=rungs[0].dice + noise)], resamples=4000)[1]
    by_subject = noise.reshape(30, 3).mean(axis=1)
    random = np.random.default_rng(2)
    means = [by_subject[random.integers(0, 30, 30)].mean() for _ in range(4000)]
    assert step.difference.low == pytest.approx(np.quantile(means, 0.025), abs=0.004)
    assert step.difference.high == pytest.approx(np.quantile(means, 0.975), abs=0.004)


def test_rungs_of_other_frames_are_refused():
    low, high = make_rungs()
    with pytest.raises(NerveCegError, match='"high" is of other frames than "low"'):
        climb([low, high._replace(ids=high.ids[::-1])])


def test_the_table_is_markdown_with_signed_steps():
    text = ladder_table(make_rungs(), title="Out of fold", resamples=50)
    assert text.startswith("Out of fold: 90 frames of 30 subjects")
    assert "| high" in text
    assert "+0.100 (+0.100 to +0.100)" in text
