from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from nerveceg.comparison import compare
from nerveceg.errors import NerveCegError
from nerveceg.evaluation.learning import MEASURES, compare_arms


def ungated(results):
    return replace(results, passed=np.ones(len(results), dtype=bool))


def guessing(results, seed):
    presence = np.random.default_rng(seed).random(len(results), dtype=np.float32)
    return replace(results, presence=presence, passed=presence > 0.5)


@pytest.fixture(scope="module")
def trials(scans):
    """A reference and an arm that guesses, by two sizes and two seeds; and one that failed once."""
    ours = scans.results
    made = {("ours", size, seed): ours for size in ("10", "all") for seed in (0, 1)}
    made |= {("guess", "10", seed): guessing(ours, seed) for seed in (0, 1)}
    return made | {("ungated", "10", 1): ungated(ours)}


@pytest.fixture(scope="module")
def points(trials):
    compared = compare_arms(trials, reference="ours", resamples=200)
    assert (compared.frames, compared.subjects, compared.reference) == (240, 12, "ours")
    return {(each.measure, each.size, each.arm): each for each in compared.points}


def test_every_measure_is_that_of_its_own_definition(points, scans, trials):
    ours, guess = scans.results, [trials["guess", "10", seed] for seed in (0, 1)]
    own = [roc_auc_score(each.nerve, each.presence) for each in guess]
    gate = points["gate AUROC", "10", "guess"]
    assert list(gate.by_seed.values()) == pytest.approx(own)
    assert gate.value.value == pytest.approx(np.mean(own))
    alone = ours.dice()[ours.nerve & ours.passed].sum()
    alone += ungated(ours).dice()[ours.nerve & ~ours.passed].sum()
    on_nerve = points["Dice on nerve", "all", "ours"].value.value
    assert on_nerve == pytest.approx(alone / ours.nerve.sum())
    joint = [each.dice().mean() for each in guess]
    assert points["Dice", "10", "guess"].value.value == pytest.approx(np.mean(joint))


def test_a_difference_and_its_interval_are_those_of_a_comparison_of_two(points, scans):
    wanted = compare(ungated(scans.results), scans.results, resamples=200).dice.difference
    point = points["Dice", "10", "ungated"]
    assert point.difference == pytest.approx(wanted)
    assert point.difference_by_seed == {1: pytest.approx(wanted.value)}


def test_the_difference_is_the_mean_of_the_seeds_and_surer_than_either_figure(points):
    point = points["gate AUROC", "10", "guess"]
    assert point.difference.value == pytest.approx(np.mean([*point.difference_by_seed.values()]))
    assert point.difference.high < 0
    ours = points["Dice on nerve", "10", "guess"]
    assert ours.difference == (0, 0, 0)


def test_the_reference_and_what_has_no_reference_differ_from_nothing(points, trials):
    assert points["Dice", "all", "ours"].difference is None
    alone = compare_arms(trials, reference="failed", resamples=20)
    assert {each.difference for each in alone.points} == {None}
    assert np.isnan(alone.best_of("failed"))


def test_only_what_was_tried_is_listed_size_by_size(points):
    assert list(points) == [
        (measure, *pair)
        for measure in MEASURES
        for pair in [("10", "ours"), ("10", "guess"), ("10", "ungated"), ("all", "ours")]
    ]


def test_other_frames_and_nothing_at_all_are_refused(trials, scans):
    other = replace(scans.results, ids=np.char.add(scans.results.ids, "x"))
    with pytest.raises(NerveCegError, match='"x_10_0" was scored on other frames than "ours_10_0"'):
        compare_arms({**trials, ("x", "10", 0): other}, reference="ours", resamples=20)
    with pytest.raises(NerveCegError, match="nothing was scored"):
        compare_arms({}, reference="ours")
