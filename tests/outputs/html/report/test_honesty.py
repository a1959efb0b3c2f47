import dataclasses

import numpy as np
import pytest

from nerveceg.evaluation.bootstrap import draw_subjects
from nerveceg.outputs.html.report.honesty import RESAMPLES, draw_decision, reliability_points


def wilson(share, frames, z=1.959964):
    middle = (share + z**2 / (2 * frames)) / (1 + z**2 / frames)
    half = np.sqrt(share * (1 - share) / frames + z**2 / (4 * frames**2)) * z
    return middle - half / (1 + z**2 / frames), middle + half / (1 + z**2 / frames)


def test_points_are_the_bins_of_the_report_and_their_intervals_those_of_drawn_subjects(
    results, saved
):
    bins = saved(results).figures["reliability"]["bins"]
    points = reliability_points(results, [bin_["frames"] for bin_ in bins])
    for point, bin_ in zip(points, bins, strict=True):
        assert point.presence == pytest.approx(bin_["presence"])
        assert point.share == pytest.approx(bin_["share"])
    order = np.argsort(results.presence, kind="stable")
    middle = len(points) // 2
    start = sum(point.frames for point in points[:middle])
    part = order[start : start + points[middle].frames]
    names = list(np.unique(results.subjects))
    shares = []
    for times in draw_subjects(len(names), seed=0, resamples=RESAMPLES):
        weights = np.array([times[names.index(results.subjects[k])] for k in part])
        if weights.sum():
            shares.append((weights * results.nerve[part]).sum() / weights.sum())
    wanted = np.quantile(shares, [0.025, 0.975])
    low, high = wilson(points[middle].share, points[middle].frames)
    wanted = [min(wanted[0], low), max(wanted[1], high)]
    np.testing.assert_allclose([points[middle].low, points[middle].high], wanted, rtol=1e-5)


def test_a_bin_whose_frames_all_show_the_nerve_keeps_an_interval(make):
    results = make(30, subjects=6)
    results.truth_area[:] = 4000
    (point,) = reliability_points(results, [30])
    assert (point.share, point.high) == (1, 1)
    assert point.low == pytest.approx(wilson(1, 30)[0], rel=1e-5)


def test_a_bin_of_one_subject_has_no_interval(results):
    alone = dataclasses.replace(results, subjects=np.full(len(results), "1"))
    (point,) = reliability_points(alone, [len(alone)])
    assert np.isnan([point.low, point.high]).all()


def test_the_decision_curve_is_one_over_one_and_the_dice(results):
    d = np.linspace(0, 1, len(results))
    drawing = str(draw_decision(results, results.presence, d, 0.5))
    assert "this rule: presence 0.5" in drawing
    path = drawing.split('class="line k" d="M')[1].split('"')[0]
    places = np.array([place.split() for place in path.split("L")], dtype=float)
    across, up = (places[:, 0] - 46) / (360 - 46 - 10), (300 - 38 - places[:, 1]) / (300 - 38 - 10)
    np.testing.assert_allclose(up, 1 / (1 + across), atol=1e-3)
