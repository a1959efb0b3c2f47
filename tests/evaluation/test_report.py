import json
from dataclasses import replace
from io import StringIO

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import brier_score_loss, log_loss

from nerveceg.evaluation.counts import Counts
from nerveceg.evaluation.report import make_report
from nerveceg.evaluation.rows import DEFINITIONS


@pytest.fixture(scope="module")
def report(scans):
    return make_report(scans.results, resamples=200, facts={"command": "evaluate", "folds": 5})


def test_the_headline_is_the_mean_over_all_frames(scans, report):
    assert report.dice.value == pytest.approx(scans.results.dice().mean(), abs=1e-12)
    assert report.dice == report.row("two-stage").dice
    assert report.prevalence == pytest.approx(scans.results.nerve.mean())
    assert (report.frames, report.subjects) == (240, 12)


def test_the_final_masks_rates_enter_the_loss_split(report):
    assert report.final.sensitivity.value == pytest.approx(1 - report.loss.false_negative_rate)
    assert report.final.specificity.value == pytest.approx(1 - report.loss.false_positive_rate)
    assert report.final.sensitivity.value < report.gate.sensitivity.value


def test_the_file_says_what_its_score_means(report):
    content = json.loads(report.to_json())
    assert "both empty = 1" in content["notes"]["dice"]
    assert content["dice"]["value"] == report.dice.value
    assert [row["name"] for row in content["rows"]] == list(DEFINITIONS)
    assert all(row["definition"] for row in content["rows"])
    assert content["facts"] == {"command": "evaluate", "folds": 5}
    assert content["by_group"]["device"][0]["name"] == "A"
    assert content["contour"]["hd95_mm"] is None
    assert "results" not in content


def test_saved_files_hold_the_report_and_every_frame(scans, report, tmp_path):
    report.save(tmp_path / "run")
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [
        "frames.csv",
        "report.json",
        "subjects.csv",
    ]
    assert (tmp_path / "run" / "report.json").read_text() == report.to_json()
    table = pd.read_csv(tmp_path / "run" / "frames.csv", dtype={"id": str, "subject": str})
    assert list(table["id"]) == scans.ids
    assert table["dice"].mean() == pytest.approx(report.dice.value, abs=1e-12)
    assert table["group_device"].nunique() == 2


def test_frames_of_one_class_and_one_subject_still_make_a_report(scans):
    results = replace(
        scans.results,
        truth_area=np.zeros(240, dtype=np.int64),
        mask=Counts(np.zeros(240, dtype=np.int64), scans.results.mask.area),
        subjects=np.full(240, ""),
        constant=None,
    )
    report = make_report(results, resamples=20)
    content = json.loads(report.to_json())
    assert content["gate"]["auroc"] == {"value": None, "low": None, "high": None}
    assert content["loss"]["misses"] == 0
    assert content["dice"]["low"] is None
    assert content["dice"]["value"] == pytest.approx(report.final.specificity.value)


def test_the_same_seed_gives_the_same_report(scans, report):
    again = make_report(scans.results, resamples=200, facts=report.facts)
    assert again.to_json() == report.to_json()


def test_presence_and_expectation_are_judged_beside_the_score(scans):
    results = scans.results
    nerve = results.nerve.astype(int)
    known = replace(
        results,
        expected=np.where(results.passed, 0.7 * results.presence, 1 - results.presence),
        spread=np.full(240, 0.01, dtype=np.float32),
    )
    report = make_report(known, resamples=100)
    content = json.loads(report.to_json())
    reliability, expectation = content["reliability"], content["expectation"]
    assert reliability["nll"]["value"] == pytest.approx(log_loss(nerve, results.presence), rel=1e-6)
    assert reliability["brier"]["value"] == pytest.approx(
        brier_score_loss(nerve, results.presence), rel=1e-6
    )
    assert sum(one["frames"] for one in reliability["bins"]) == 240
    assert expectation["realised"] == pytest.approx(report.dice.value)
    gap = known.expected.astype(np.float64).mean() - report.dice.value
    assert expectation["gap"]["value"] == pytest.approx(gap)
    assert expectation["gap"]["low"] < expectation["gap"]["value"] < expectation["gap"]["high"]
    assert len(expectation["coverage"]) == len(expectation["dice"]) == 20
    assert {"reliability", "expectation"} <= content["notes"].keys()
    columns = pd.read_csv(StringIO(known.table().to_csv(index=False)))
    assert columns["expected"].to_numpy() == pytest.approx(known.expected)
    assert columns["spread"].to_numpy() == pytest.approx(known.spread)


def test_masks_of_another_origin_expect_nothing(report):
    content = json.loads(report.to_json())["expectation"]
    assert content["expected"] is None
    assert content["gap"] == {"value": None, "low": None, "high": None}
    assert content["coverage"] == content["dice"] == []
    assert content["realised"] == pytest.approx(report.dice.value)
