import numpy as np
import pytest

from nerveceg.evaluation.breakdown import break_down


def test_every_subject_equals_its_recount(scans):
    results = scans.results
    parts = break_down(results, results.subjects)
    assert [part.name for part in parts] == sorted(set(scans.subjects))
    for part in parts:
        own = results.subjects == part.name
        nerve, drawn = results.nerve[own], results.final.area[own] > 0
        scores = results.dice()[own]
        assert (part.frames, part.subjects) == (own.sum(), 1)
        assert part.prevalence == pytest.approx(nerve.mean())
        assert part.all_empty == pytest.approx(1 - nerve.mean())
        assert part.dice == pytest.approx(scores.mean())
        assert part.dice_on_nerve == pytest.approx(scores[nerve].mean())
        assert part.sensitivity == pytest.approx(drawn[nerve].mean())
        assert part.specificity == pytest.approx(1 - drawn[~nerve].mean())


def test_parts_add_up_to_the_whole(scans):
    results = scans.results
    parts = break_down(results, results.groups["device"])
    assert [(part.name, part.frames, part.subjects) for part in parts] == [
        (name, 120, len(set(results.subjects[results.groups["device"] == name]))) for name in "AB"
    ]
    assert np.mean([part.dice for part in parts]) == pytest.approx(results.dice().mean())


def test_a_part_without_nerve_has_no_sensitivity(scans):
    results = scans.results
    labels = np.where(results.nerve, "nerve", "none")
    nerve, none = break_down(results, labels)
    assert np.isnan([none.sensitivity, none.dice_on_nerve, nerve.specificity]).all()
