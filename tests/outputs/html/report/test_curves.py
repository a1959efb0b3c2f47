import numpy as np
import pytest
from sklearn.metrics import precision_recall_curve, roc_curve

from nerveceg.outputs.html.report.curves import draw_curves, make_curves


def test_the_roc_is_that_of_scikit_learn(results):
    curves = make_curves(results.presence, results.nerve)
    false, true, _ = roc_curve(results.nerve, results.presence, drop_intermediate=False)
    np.testing.assert_allclose(curves.false_positive_rate, false[1:])
    np.testing.assert_allclose(curves.true_positive_rate, true[1:])


def test_precision_and_recall_are_those_of_scikit_learn(results):
    curves = make_curves(results.presence, results.nerve)
    precision, recall, at = precision_recall_curve(results.nerve, results.presence)
    np.testing.assert_allclose(curves.precision[::-1], precision[:-1])
    np.testing.assert_allclose(curves.true_positive_rate[::-1], recall[:-1])
    np.testing.assert_allclose(curves.presence[::-1], at)


@pytest.mark.parametrize("nerve", [0, 5000])
def test_frames_of_one_kind_have_no_curves(make, nerve):
    results = make(20, subjects=4)
    results.truth_area[:] = nerve
    assert draw_curves(results) == ()


def test_a_gate_that_lets_nothing_through_still_has_its_curves(make):
    results = make(20, subjects=4)
    results.passed[:] = False
    assert [str(drawing).startswith("<svg") for drawing in draw_curves(results)] == [True, True]
