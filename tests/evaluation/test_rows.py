import numpy as np
import pytest
import torch

from nerveceg.evaluation.bootstrap import draw_subjects
from nerveceg.evaluation.counts import Counts
from nerveceg.evaluation.rows import DEFINITIONS, make_rows, row_counts


def draw(scans, name: str) -> torch.Tensor:
    """The masks that a row stands for, drawn pixel by pixel."""
    nerve = scans.truth.flatten(1).any(1)[:, None, None, None]
    final = scans.mask & scans.passed[:, None, None, None]
    drawn = final.flatten(1).any(1)[:, None, None, None]
    return {
        "all empty": torch.zeros_like(final),
        "constant mask, oracle gate": scans.constant.at(24, 32) & nerve,
        "ungated": scans.mask,
        "two-stage": final,
        "oracle gate": scans.mask & nerve,
        "oracle segmenter": torch.where(drawn & nerve, scans.truth, final),
    }[name]


@pytest.fixture(scope="module")
def rows(scans):
    subject = np.unique(scans.results.subjects, return_inverse=True)[1]
    drawn = make_rows(scans.results, subject, draw_subjects(12, seed=0, resamples=200))
    return {row.name: row for row in drawn}


@pytest.mark.parametrize("name", DEFINITIONS)
def test_a_row_equals_its_masks(scans, rows, name):
    masks, truths = draw(scans, name), scans.truth
    scores = []
    for mask, truth in zip(masks, truths, strict=True):
        total = int(mask.sum() + truth.sum())
        scores.append(2 * int((mask & truth).sum()) / total if total else 1.0)
    nerve, drawn = truths.flatten(1).any(1).numpy(), masks.flatten(1).any(1).numpy()
    row = rows[name]
    assert row.dice.value == pytest.approx(np.mean(scores), abs=1e-12)
    assert row.dice_on_nerve.value == pytest.approx(np.mean(np.array(scores)[nerve]), abs=1e-12)
    assert row.sensitivity.value == pytest.approx(drawn[nerve].mean())
    assert row.specificity.value == pytest.approx(1 - drawn[~nerve].mean())
    assert row.dice.low < row.dice.value < row.dice.high


def test_the_oracles_bound_the_two_stages(rows):
    dice = {name: row.dice.value for name, row in rows.items()}
    assert dice["two-stage"] < min(dice["oracle gate"], dice["oracle segmenter"])


def test_a_false_alarm_stays_wrong_under_an_oracle_segmenter(scans):
    results = scans.results
    alarm = ~results.nerve & (results.final.area > 0)
    counts = row_counts(results)["oracle segmenter"]
    assert isinstance(counts, Counts)
    assert alarm.any()
    assert (counts.area[alarm] > 0).all()
    assert (counts.hits[alarm] == 0).all()


def test_without_a_constant_mask_its_row_stays_and_says_so(scans):
    from dataclasses import replace

    results = replace(scans.results, constant=None)
    subject = np.unique(results.subjects, return_inverse=True)[1]
    rows = make_rows(results, subject, draw_subjects(12, seed=0, resamples=10))
    assert [row.name for row in rows] == list(DEFINITIONS)
    assert np.isnan(rows[1].dice).all()
    assert "no constant mask was given" in rows[1].definition
