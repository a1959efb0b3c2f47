import pytest

from nerveceg.evaluation.stages import split_loss
from nerveceg.outputs.html.report.flow import count_outcomes, draw_flow


def test_outcomes_are_those_of_frames_counted_one_by_one(results):
    counted = dict.fromkeys(["TP", "FN", "FP", "TN"], 0)
    for truth, passed, area in zip(
        results.truth_area, results.passed, results.mask.area, strict=True
    ):
        drawn = bool(passed) and area > 0
        counted[{(1, 1): "TP", (1, 0): "FN", (0, 1): "FP", (0, 0): "TN"}[truth > 0, drawn]] += 1
    assert {outcome.name: outcome.frames for outcome in count_outcomes(results)} == counted


def test_what_is_earned_makes_the_dice_and_what_is_lost_the_split_of_the_loss(results):
    outcomes, loss = count_outcomes(results), split_loss(results)
    assert sum(outcome.earned for outcome in outcomes) == pytest.approx(results.dice().mean())
    lost = {outcome.name: outcome.lost for outcome in outcomes}
    wanted = {"TP": loss.contour, "FN": loss.misses, "FP": loss.false_alarms, "TN": 0}
    assert lost == pytest.approx(wanted)


def test_the_heights_of_the_last_column_are_the_shares_of_frames(results):
    import re

    outcomes = count_outcomes(results)
    heights = re.findall(
        r'<rect class="(?:earned|lost)"[^>]*height="([\d.]+)"', draw_flow(outcomes)
    )
    pairs = zip(heights[::2], heights[1::2], strict=True)
    for outcome, (earned, lost) in zip(outcomes, pairs, strict=True):
        share = (float(earned) + float(lost)) / 210
        assert share == pytest.approx(outcome.frames / len(results), abs=1e-3)
