from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, recall_score, roc_auc_score

from nerveceg.evaluation.bootstrap import Estimate, draw_subjects
from nerveceg.evaluation.counts import Counts
from nerveceg.evaluation.results import Results
from nerveceg.evaluation.stages import judge_final, judge_gate, split_loss

NOTHING = Estimate(0.0, 0.0, 0.0)


def results_of(frames: list[tuple[bool, int, int, int]]) -> Results:
    """Results of frames that are (passed, truth area, mask area, hits)."""
    passed, truth_area, area, hits = (np.array(column) for column in zip(*frames, strict=True))
    blank = np.full(len(frames), np.nan)
    return Results(
        ids=np.arange(len(frames)).astype(str),
        subjects=np.full(len(frames), "s"),
        groups={},
        height=np.full(len(frames), 420),
        width=np.full(len(frames), 580),
        truth_area=truth_area,
        presence=passed.astype(np.float32),
        passed=passed.astype(bool),
        mask=Counts(hits, area),
        constant=None,
        hd95=blank,
        nsd=blank,
        row=blank,
        column=blank,
        contours=blank,
        truth_contours=blank,
        expected=blank.astype(np.float32),
        spread=blank.astype(np.float32),
    )


@st.composite
def frames(draw):
    passed = draw(st.booleans())
    truth_area, area = draw(st.integers(0, 3)) * 999, draw(st.integers(0, 3)) * 1234
    return passed, truth_area, area, draw(st.integers(0, min(truth_area, area)))


@given(st.lists(frames(), min_size=1, max_size=60))
def test_the_loss_split_is_exact(scanned):
    results = results_of(scanned)
    loss = split_loss(results)
    assert loss.false_alarms + loss.misses + loss.contour == pytest.approx(loss.total, abs=1e-12)
    assert loss.total == pytest.approx(1 - results.dice().mean(), abs=1e-12)


def test_the_terms_of_the_split_are_the_products_of_its_rates(scans):
    loss = split_loss(scans.results)
    rho, missed, contour = loss.prevalence, loss.false_negative_rate, 1 - loss.dice_on_detected
    assert loss.false_alarms == pytest.approx((1 - rho) * loss.false_positive_rate, abs=1e-12)
    assert loss.misses == pytest.approx(rho * missed, abs=1e-12)
    assert loss.contour == pytest.approx(rho * (1 - missed) * contour, abs=1e-12)
    assert min(loss.false_alarms, loss.misses, loss.contour) > 0


def test_the_gate_equals_scikit_learn(scans):
    results = scans.results
    subject = np.unique(results.subjects, return_inverse=True)[1]
    gate = judge_gate(results, subject, draw_subjects(12, seed=0, resamples=200))
    nerve, passed = results.nerve, results.passed
    assert gate.sensitivity.value == pytest.approx(recall_score(nerve, passed))
    assert gate.specificity.value == pytest.approx(recall_score(~nerve, ~passed))
    assert gate.auroc.value == pytest.approx(roc_auc_score(nerve, results.presence))
    wanted = average_precision_score(nerve, results.presence)
    assert gate.average_precision == pytest.approx(wanted)
    assert gate.auroc.low < gate.auroc.value < gate.auroc.high


def test_one_class_alone_has_no_ranking_figures(scans):
    results = replace(scans.results, truth_area=np.zeros(240, dtype=np.int64))
    subject = np.unique(results.subjects, return_inverse=True)[1]
    gate = judge_gate(results, subject, draw_subjects(12, seed=0, resamples=20))
    assert np.isnan([*gate.auroc, gate.average_precision, gate.sensitivity.value]).all()


def test_gate_misses_stand_apart_from_masks_drawn_empty():
    passed_empty, missed, alarm = (True, 9, 0, 0), (False, 9, 5, 5), (True, 0, 5, 0)
    emptied, stopped, right = (True, 0, 0, 0), (False, 0, 5, 0), (True, 9, 9, 9)
    results = results_of([passed_empty, missed, missed, alarm, emptied, stopped, right])
    final = judge_final(results, NOTHING, NOTHING)
    assert final[2:] == (2, 1, 1, 1)
