import numpy as np

from nerveceg.evaluation.counts import dice
from nerveceg.outputs.html.report.kept import draw_coverage, frames_to_refer, score_by_kept


def test_the_score_of_kept_masks_is_that_of_drawing_them_one_by_one(make):
    results = make(40, subjects=5)
    with_mask = dice(results.mask, results.truth_area)
    scores = score_by_kept(results.presence, with_mask, results.nerve)
    order = np.argsort(-results.presence, kind="stable")
    for k in range(len(results) + 1):
        kept = set(order[:k].tolist())
        wanted = [
            with_mask[place] if place in kept else float(not results.nerve[place])
            for place in range(len(results))
        ]
        np.testing.assert_allclose(scores[k], np.mean(wanted))


def test_the_ends_are_all_empty_and_ungated(results, saved):
    rows = {row["name"]: row["dice"]["value"] for row in saved(results).figures["rows"]}
    with_mask = dice(results.mask, results.truth_area)
    scores = score_by_kept(results.presence, with_mask, results.nerve)
    np.testing.assert_allclose(scores[[0, -1]], [rows["all empty"], rows["ungated"]])


def test_the_lowest_bounds_are_referred_first_and_unknown_ones_never(results):
    bound = results.expected.astype(float) - results.spread
    places = frames_to_refer(results, most=7)
    assert sorted(bound[places]) == list(bound[places])
    assert bound[places].max() <= np.delete(bound, places).min()
    results.expected[3], kept = np.nan, results.expected[3]
    assert not frames_to_refer(results).size
    results.expected[3] = kept


def test_without_an_expectation_there_is_no_curve_of_coverage():
    assert draw_coverage({"coverage": [], "dice": []}) is None
