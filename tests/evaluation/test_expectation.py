from dataclasses import replace

import numpy as np
import pytest

from nerveceg.evaluation.bootstrap import draw_subjects
from nerveceg.evaluation.counts import Counts
from nerveceg.evaluation.expectation import POINTS, judge_expectation

FRAMES, SUBJECTS = 4000, 100
TRUTH = 1000


def results_of(template, expected, realised, spread, owner):
    """Results whose final masks get the realised Dice, in steps of 1/1000, of the truth's area."""
    count = len(expected)
    hits = np.round(realised * TRUTH).astype(np.int64)
    columns = {
        name: np.resize(getattr(template, name), count)
        for name in ("ids", "height", "width", "presence", "hd95", "nsd", "row", "column")
    }
    return replace(
        template,
        **columns,
        subjects=owner.astype(str),
        groups={},
        constant=None,
        truth_area=np.full(count, TRUTH),
        passed=np.ones(count, dtype=bool),
        mask=Counts(hits, np.full(count, TRUTH)),
        expected=expected.astype(np.float32),
        spread=spread.astype(np.float32),
    )


@pytest.fixture(scope="module")
def honest(scans):
    """Frames that get 1 or 0, with the probability that was expected, and their subjects."""
    generator = np.random.default_rng(0)
    owner = np.sort(generator.integers(SUBJECTS, size=FRAMES))
    expected = generator.beta(4, 2, size=FRAMES)
    realised = (generator.random(FRAMES) < expected).astype(float)
    spread = 0.1 * generator.random(FRAMES)
    return results_of(scans.results, expected, realised, spread, owner), owner


def judge(results, owner, resamples=400):
    _, subject = np.unique(owner, return_inverse=True)
    draws = draw_subjects(subject.max() + 1, seed=0, resamples=resamples)
    return judge_expectation(results, subject, draws)


def test_an_honest_expectation_has_no_gap_beyond_its_sampling_error(honest):
    results, owner = honest
    judged = judge(results, owner)
    assert judged.expected == pytest.approx(results.expected.mean())
    assert judged.realised == pytest.approx(results.dice().mean())
    assert judged.gap.value == pytest.approx(judged.expected - judged.realised, abs=1e-9)
    error = (results.expected - results.dice()).std() / np.sqrt(FRAMES)
    assert abs(judged.gap.value) < 3 * error
    assert judged.gap.low < 0 < judged.gap.high
    assert judged.gap.high - judged.gap.low == pytest.approx(4 * error, rel=0.25)


def test_an_expectation_that_is_too_high_shows(honest):
    results, owner = honest
    gap = judge(replace(results, expected=results.expected + np.float32(0.05)), owner).gap
    assert 0 < gap.low < gap.value < gap.high
    assert gap.value == pytest.approx(0.05, abs=0.02)


def test_the_interval_is_that_of_a_bootstrap_that_copies_frames(honest):
    results, owner = honest
    few = owner < 7
    chosen = results_of(
        results,
        results.expected[few],
        results.dice()[few],
        results.spread[few],
        owner[few],
    )
    draws = draw_subjects(7, seed=0, resamples=300)
    judged = judge_expectation(chosen, owner[few], draws)
    difference = chosen.expected.astype(np.float64) - chosen.dice()
    copied = [
        np.concatenate([np.repeat(difference[owner[few] == s], n) for s, n in enumerate(draw)])
        for draw in draws
    ]
    wanted = np.quantile([copy.mean() for copy in copied], (0.025, 0.975))
    assert (judged.gap.low, judged.gap.high) == pytest.approx(tuple(wanted), abs=1e-12)


def test_kept_frames_are_those_of_the_highest_expectation_less_spread(honest):
    results, owner = honest
    judged = judge(results, owner)
    bound = results.expected.astype(np.float64) - results.spread
    ranked = results.dice()[np.argsort(-bound, kind="stable")]
    assert len(judged.coverage) == len(judged.dice) == POINTS
    for share, dice in zip(judged.coverage, judged.dice, strict=True):
        assert dice == pytest.approx(ranked[: round(share * FRAMES)].mean())
    assert judged.coverage == pytest.approx(np.arange(1, POINTS + 1) / POINTS)
    assert judged.dice[-1] == pytest.approx(judged.realised)
    means = ranked.cumsum() / np.arange(1, FRAMES + 1)
    assert judged.area == pytest.approx(1 - means.mean())
    assert judged.oracle < judged.area < judged.random == pytest.approx(1 - judged.realised)


@pytest.mark.parametrize("count", [1, 2, 7, 19])
def test_fewer_frames_than_points_still_make_a_curve(honest, count):
    results, _ = honest
    chosen = results_of(
        results,
        results.expected[:count],
        results.dice()[:count],
        results.spread[:count],
        np.arange(count),
    )
    judged = judge(chosen, np.arange(count))
    assert len(judged.coverage) == POINTS
    assert judged.coverage[-1] == 1
    assert judged.dice[-1] == pytest.approx(chosen.dice().mean())


def test_nothing_is_said_where_nothing_was_expected(honest):
    results, owner = honest
    unknown = np.full(FRAMES, np.nan, dtype=np.float32)
    judged = judge(replace(results, expected=unknown, spread=unknown), owner)
    assert np.isnan([judged.expected, *judged.gap, judged.area, judged.oracle, judged.random]).all()
    assert judged.coverage == judged.dice == ()
    assert judged.realised == pytest.approx(results.dice().mean())


def test_one_subject_has_a_gap_without_an_interval(honest):
    results, _ = honest
    judged = judge(results, np.zeros(FRAMES, dtype=int))
    assert np.isfinite(judged.gap.value)
    assert np.isnan([judged.gap.low, judged.gap.high]).all()
