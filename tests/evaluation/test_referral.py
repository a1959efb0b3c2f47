from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerveceg.errors import NerveCegError
from nerveceg.evaluation.referral import judge_referral, refer, risk_coverage

tenth = st.integers(0, 10).map(lambda k: k / 10)


def frames(generator, count=200):
    """Realised Dice, and an expected one that is roughly right, worse where spread is large."""
    dice = generator.beta(3, 1, size=count)
    spread = 0.3 * generator.random(count)
    return dice + spread * generator.normal(size=count), spread, dice


@given(st.lists(st.tuples(tenth, tenth, tenth), min_size=1, max_size=6))
def test_the_curve_is_the_mean_over_all_orders_that_ties_leave_open(rows):
    expected, spread, dice = np.array(rows).T
    bound = expected - spread
    orders = [o for o in permutations(range(len(rows))) if (np.diff(bound[list(o)]) <= 0).all()]
    curves = [[dice[list(o[:k])].mean() for k in range(1, len(rows) + 1)] for o in orders]
    curve = risk_coverage(expected, spread, dice)
    np.testing.assert_allclose(curve.dice, np.mean(curves, axis=0), atol=1e-12)
    np.testing.assert_allclose(curve.coverage, np.arange(1, len(rows) + 1) / len(rows))
    assert curve.area == pytest.approx(1 - np.mean(curves), abs=1e-12)


@given(st.lists(tenth, min_size=1, max_size=6))
def test_oracle_and_random_areas_are_the_least_and_the_mean_of_all_orders(scores):
    dice = np.array(scores)
    areas = [
        np.mean([1 - dice[list(o[:k])].mean() for k in range(1, len(dice) + 1)])
        for o in permutations(range(len(dice)))
    ]
    curve = risk_coverage(np.zeros(len(dice)), np.zeros(len(dice)), dice)
    assert curve.oracle == pytest.approx(min(areas), abs=1e-12)
    assert curve.random == pytest.approx(np.mean(areas), abs=1e-12)
    assert curve.area == pytest.approx(curve.random, abs=1e-12)


def test_a_good_ranking_lies_between_the_oracle_and_random_and_spread_helps():
    expected, spread, dice = frames(np.random.default_rng(0), 20_000)
    curve = risk_coverage(expected, spread, dice)
    assert curve.oracle < curve.area < curve.random
    assert curve.area < risk_coverage(expected, np.zeros(20_000), dice).area
    assert curve.dice[-1] == pytest.approx(dice.mean())


def test_the_order_of_frames_does_not_move_the_curve():
    expected, spread, dice = frames(np.random.default_rng(1))
    expected, spread = expected.round(1), spread.round(1)
    order = np.random.default_rng(2).permutation(len(dice))
    ours, shuffled = (
        risk_coverage(expected[o], spread[o], dice[o]) for o in (np.arange(len(dice)), order)
    )
    np.testing.assert_allclose(ours.dice, shuffled.dice, atol=1e-12)


@pytest.mark.parametrize("share", [0, 0.05, 0.1, 1 / 3, 1])
def test_the_lowest_bounds_are_referred(share):
    expected, spread, dice = frames(np.random.default_rng(3))
    referred = refer(expected, spread, share=share)
    assert referred.sum() == round(share * 200)
    if 0 < share < 1:
        bound = expected - spread
        assert bound[referred].max() < bound[~referred].min()
        kept, handed = judge_referral(referred, dice)
        assert kept == pytest.approx(np.mean([d for d, r in zip(dice, referred) if not r]))  # noqa: B905
        assert handed == pytest.approx(np.mean([d for d, r in zip(dice, referred) if r]))  # noqa: B905
        whole = risk_coverage(expected, spread, dice)
        assert kept == pytest.approx(whole.dice[(~referred).sum() - 1])


def test_frames_of_one_bound_are_referred_in_their_order():
    referred = refer(np.array([0.5, 0.4, 0.5, 0.5]), np.array([0.1, 0.0, 0.1, 0.1]), share=0.5)
    assert referred.tolist() == [True, True, False, False]
    many = refer(np.full(1000, 0.5), np.zeros(1000), share=0.3)
    assert many.tolist() == [True] * 300 + [False] * 700


def test_a_part_without_frames_has_no_mean():
    kept, referred = judge_referral(np.zeros(3, bool), np.ones(3))
    assert kept == 1
    assert np.isnan(referred)


def test_a_share_beyond_all_is_refused():
    with pytest.raises(NerveCegError, match=r"1.2: a number in \[0, 1\]"):
        refer(np.ones(2), np.zeros(2), share=1.2)
