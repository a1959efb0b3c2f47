from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import jaccard_score, precision_score, recall_score

from nerveceg.evaluation.contour import judge_contour


def test_the_contour_equals_scikit_learn_frame_by_frame(scans):
    final = (scans.mask & scans.passed[:, None, None, None]).flatten(1).numpy()
    truth = scans.truth.flatten(1).numpy()
    nerve, drawn = truth.any(axis=1), final.any(axis=1)
    pairs = [(truth[k], final[k]) for k in np.flatnonzero(nerve)]
    found = [(truth[k], final[k]) for k in np.flatnonzero(nerve & drawn)]
    contour = judge_contour(scans.results)
    assert contour.iou == pytest.approx(np.mean([jaccard_score(*pair) for pair in pairs]))
    assert contour.recall == pytest.approx(np.mean([recall_score(*pair) for pair in pairs]))
    assert contour.precision == pytest.approx(np.mean([precision_score(*pair) for pair in found]))


def test_distances_are_means_over_detected_frames_and_the_rest_is_counted(scans):
    results, contour = scans.results, judge_contour(scans.results)
    found = results.nerve & results.passed & (results.mask.area > 0)
    assert contour.hd95_px == pytest.approx(results.hd95[found].mean())
    assert contour.nsd == pytest.approx(results.nsd[found].mean())
    assert contour.measured == contour.detected == found.sum()
    assert contour.undefined == results.nerve.sum() - found.sum() > 0


def test_millimetres_appear_only_where_the_size_of_a_pixel_is_known(scans):
    assert np.isnan(judge_contour(scans.results).hd95_mm)
    contour = judge_contour(scans.results, spacing_mm=0.25)
    assert contour.hd95_mm == pytest.approx(contour.hd95_px / 4)


def test_no_nerve_means_no_contour(scans):
    contour = judge_contour(replace(scans.results, truth_area=np.zeros(240, dtype=np.int64)))
    assert np.isnan([contour.iou, contour.recall, contour.precision, contour.hd95_px]).all()
    assert contour.nerve_frames == contour.undefined == 0
