from dataclasses import replace

import numpy as np
import pytest

from nerveceg.comparison import compare
from nerveceg.errors import NerveCegError
from nerveceg.evaluation.cost import Cost
from nerveceg.evaluation.counts import Counts
from nerveceg.evaluation.standings import ALL_EMPTY, stand


def shuffled(results):
    """The same results with their frames in another order."""
    order = np.random.default_rng(0).permutation(len(results))
    moved = {
        name: column[order]
        for name, column in vars(results).items()
        if isinstance(column, np.ndarray)
    }
    mask = Counts(*(pixels[order] for pixels in results.mask))
    return replace(results, **moved, mask=mask, groups={}, constant=None)


@pytest.fixture(scope="module")
def ungated(scans):
    return shuffled(replace(scans.results, passed=np.ones(len(scans.results), dtype=bool)))


def test_figures_and_differences_are_those_of_a_comparison_of_two(scans, ungated):
    standings = stand({"ours": scans.results, "ungated": ungated}, reference="ours", resamples=200)
    wanted = compare(ungated, scans.results, resamples=200)
    baseline, ours, other = standings.rows
    assert (standings.frames, standings.subjects) == (240, 12)
    assert standings.prevalence == scans.results.nerve.mean()
    for figure in ("dice", "dice_on_nerve", "sensitivity", "specificity"):
        pair = getattr(wanted, figure)
        assert getattr(other.row, figure).value == pytest.approx(pair.first)
        assert getattr(ours.row, figure).value == pytest.approx(pair.second)
    assert ours.difference is None
    # The comparison orders frames as they come, so that its sums round otherwise.
    assert other.difference == pytest.approx(wanted.dice.difference)
    assert baseline.name == ALL_EMPTY


def test_the_first_row_is_what_no_mask_at_all_scores(scans):
    standings = stand({"ours": scans.results}, reference="ours", resamples=50)
    baseline = standings.rows[0]
    empty = 1 - scans.results.nerve.mean()
    assert baseline.row.dice.value == pytest.approx(empty)
    assert (baseline.row.sensitivity.value, baseline.row.specificity.value) == (0, 1)
    assert baseline.difference.value == pytest.approx(empty - scans.results.dice().mean())
    assert baseline.cost is None


def test_without_its_reference_a_ladder_has_no_differences(scans):
    standings = stand({"ours": scans.results}, reference="failed", resamples=50)
    assert [row.difference for row in standings.rows] == [None, None]


def test_costs_go_with_their_rows(scans, ungated):
    cost = Cost(10, 0.5, 3.0)
    both = {"ours": scans.results, "ungated": ungated}
    standings = stand(both, reference="ours", costs={"ungated": cost}, resamples=50)
    assert [row.cost for row in standings.rows] == [None, None, cost]


def other_names(results):
    return replace(shuffled(results), ids=np.array([f"x{name}" for name in results.ids]))


def another_truth(results):
    return replace(results, truth_area=results.truth_area + 1)


@pytest.mark.parametrize(("change", "column"), [(other_names, "ids"), (another_truth, "truth")])
def test_systems_on_other_frames_are_refused(scans, change, column):
    both = {"ours": scans.results, "theirs": change(scans.results)}
    with pytest.raises(NerveCegError, match=f'"theirs" was scored on other frames.*{column}'):
        stand(both, reference="ours", resamples=50)


def test_nothing_can_be_held_against_nothing():
    with pytest.raises(NerveCegError, match="no system was scored"):
        stand({}, reference="ours")
