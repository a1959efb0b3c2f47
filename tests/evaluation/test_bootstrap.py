import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from nerveceg.evaluation.bootstrap import (
    bootstrap_auroc,
    bootstrap_figures,
    draw_subjects,
    estimate,
)
from nerveceg.evaluation.figures import figures, frame_sums, group_sums, total


@pytest.fixture(scope="module")
def subject(scans) -> np.ndarray:
    return np.unique(scans.results.subjects, return_inverse=True)[1]


def resample(subject: np.ndarray, draw: np.ndarray) -> np.ndarray:
    """Places of the frames of one resample, written out."""
    return np.concatenate(
        [np.flatnonzero(subject == s) for s, times in enumerate(draw) for _ in range(times)]
    )


def test_resampled_figures_equal_a_plain_loop(scans, subject):
    results, draws = scans.results, draw_subjects(12, seed=0, resamples=50)
    by_frame = frame_sums(results.final, results.truth_area)
    ours = bootstrap_figures(group_sums(by_frame, subject, 12), draws)
    for r, draw in enumerate(draws):
        places = resample(subject, draw)
        scores, nerve = results.dice()[places], results.nerve[places]
        drawn = results.final.area[places] > 0
        assert ours.dice[r] == pytest.approx(scores.mean(), abs=1e-12)
        assert ours.dice_on_nerve[r] == pytest.approx(scores[nerve].mean(), abs=1e-12)
        assert ours.dice_on_detected[r] == pytest.approx(scores[nerve & drawn].mean(), abs=1e-12)
        assert ours.sensitivity[r] == pytest.approx(drawn[nerve].mean(), abs=1e-12)
        assert ours.specificity[r] == pytest.approx(1 - drawn[~nerve].mean(), abs=1e-12)


@pytest.mark.parametrize("chunk", [1, 1 << 20])
def test_resampled_auroc_equals_a_plain_loop(scans, subject, monkeypatch, chunk):
    monkeypatch.setattr("nerveceg.evaluation.bootstrap.CHUNK", chunk)
    results, draws = scans.results, draw_subjects(12, seed=1, resamples=20)
    assert len(np.unique(results.presence)) < len(results)
    ours = bootstrap_auroc(results.presence, results.nerve, subject, draws)
    for area, draw in zip(ours, draws, strict=True):
        places = resample(subject, draw)
        wanted = roc_auc_score(results.nerve[places], results.presence[places])
        assert area == pytest.approx(wanted, abs=1e-12)


def test_auroc_of_one_class_is_undefined():
    draws = draw_subjects(2, seed=0, resamples=3)
    presence, subject = np.array([0.1, 0.2], np.float32), np.array([0, 1])
    assert np.isnan(bootstrap_auroc(presence, np.ones(2, dtype=bool), subject, draws)).all()


def test_draws_follow_from_the_seed():
    first, again, other = (draw_subjects(47, seed=seed) for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert (first.sum(axis=1) == 47).all()


def test_the_interval_covers_the_true_mean_of_subjects_about_95_times_in_100():
    generator, covered = np.random.default_rng(0), 0
    for seed in range(300):
        subjects = generator.normal(0.7, 0.1, size=40)
        draws = draw_subjects(40, seed=seed, resamples=500)
        interval = estimate(subjects.mean(), draws @ subjects / 40, 40)
        covered += interval.low < 0.7 < interval.high
    assert 0.90 < covered / 300 < 0.98


def test_more_frames_of_the_same_subjects_do_not_narrow_the_interval(scans, subject):
    results, draws = scans.results, draw_subjects(12, seed=0)
    by_frame = frame_sums(results.final, results.truth_area)
    once = group_sums(by_frame, subject, 12)
    tenfold = type(once)(*(10 * column for column in once))
    value = float(figures(total(once)).dice)
    intervals = [estimate(value, bootstrap_figures(s, draws).dice, 12) for s in (once, tenfold)]
    assert intervals[0] == pytest.approx(intervals[1])


def test_one_subject_has_no_interval():
    value, low, high = estimate(0.5, np.full(10, 0.5), 1)
    assert value == 0.5
    assert np.isnan([low, high]).all()
