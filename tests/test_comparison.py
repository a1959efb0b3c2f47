import json
import math
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from nerveceg.comparison import compare, smallest_detectable
from nerveceg.errors import NerveCegError
from nerveceg.evaluation.bootstrap import draw_subjects, estimate
from nerveceg.evaluation.counts import Counts
from nerveceg.evaluation.report import make_report
from nerveceg.evaluation.results import Results
from nerveceg.outputs.difference import comparison_table
from nerveceg.tools import compare as compare_tool

AREA = 100


def results_of(dice, subjects, nerve=None):
    """Results with the wanted Dice on frames with nerve; without nerve, 0 is a mask, 1 is none."""
    dice, frames = np.asarray(dice, dtype=float), len(dice)
    nerve = np.ones(frames, dtype=bool) if nerve is None else np.asarray(nerve)
    truth = np.where(nerve, 10_000, 0)
    hits = np.where(nerve, np.rint(dice * 10_000), 0).astype(np.int64)
    area = np.where(nerve, np.where(dice > 0, 10_000, 0), np.where(dice == 1, 0, AREA))
    blank = np.full(frames, np.nan)
    return Results(
        ids=np.array([f"f{k}" for k in range(frames)]),
        subjects=np.array([str(subject) for subject in subjects]),
        groups={},
        height=np.full(frames, 420),
        width=np.full(frames, 580),
        truth_area=truth.astype(np.int64),
        presence=np.full(frames, 0.9, dtype=np.float32),
        passed=np.ones(frames, dtype=bool),
        mask=Counts(hits, area.astype(np.int64)),
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


def two_runs(seed=0, frames=60, subjects=9, gain=0.0):
    """Two runs on the same frames, of which no subject has as many as another."""
    generator = np.random.default_rng(seed)
    owners = np.sort(generator.integers(subjects, size=frames))
    nerve = generator.random(frames) < 0.6
    base = np.clip(generator.normal(0.6, 0.2, frames), 0, 0.9)
    dice = [np.clip(base + generator.normal(g, 0.1, frames), 0, 1).round(3) for g in (gain, 0)]
    clear = [generator.random(frames) < 0.7 for _ in range(2)]
    return [
        results_of(np.where(nerve, drawn, empty), owners, nerve)
        for drawn, empty in zip(dice, clear, strict=True)
    ]


def figures_of(results, places):
    nerve, drawn = results.nerve[places], (results.final.area > 0)[places]
    dice = results.dice()[places]
    return {
        "dice": dice.mean(),
        "dice_on_nerve": dice[nerve].mean(),
        "sensitivity": drawn[nerve].mean(),
        "specificity": 1 - drawn[~nerve].mean(),
    }


def test_every_difference_and_interval_equals_a_plain_loop():
    first, second = two_runs()
    found = compare(first, second, seed=3, resamples=80)
    names = np.unique(first.subjects)
    owned = [np.flatnonzero(first.subjects == name) for name in names]
    draws = draw_subjects(len(names), seed=3, resamples=80)
    everywhere = np.arange(len(first))
    loops = []
    for draw in draws:
        places = np.concatenate([owned[s] for s, times in enumerate(draw) for _ in range(times)])
        one, other = figures_of(first, places), figures_of(second, places)
        loops.append({name: one[name] - other[name] for name in one})
    for name, value in figures_of(first, everywhere).items():
        row = getattr(found, name)
        assert row.first == pytest.approx(value)
        assert row.difference.value == pytest.approx(row.first - row.second)
        wanted = np.quantile([loop[name] for loop in loops], (0.025, 0.975))
        assert (row.difference.low, row.difference.high) == pytest.approx(tuple(wanted))
    assert found.bootstrap == {"seed": 3, "resamples": 80}


def test_the_subjects_decide_the_signed_rank_test():
    first, second = two_runs(seed=5, gain=0.05)
    found = compare(first, second, resamples=20)
    change = first.dice() - second.dice()
    by_subject = {s: change[first.subjects == s].mean() for s in np.unique(first.subjects)}
    assert found.p_value == pytest.approx(stats.wilcoxon(list(by_subject.values())).pvalue)
    assert {row.subject: row.difference for row in found.by_subject} == pytest.approx(by_subject)
    assert [row.difference for row in found.by_subject] == pytest.approx(
        sorted(by_subject.values())
    )
    assert sum(row.frames for row in found.by_subject) == found.frames == 60
    assert found.wins == sum(value > 0 for value in by_subject.values())
    assert found.wins + found.ties + found.losses == found.subjects == 9
    for row in found.by_subject:
        assert row.first - row.second == pytest.approx(row.difference)


@pytest.mark.parametrize("seed", range(5))
def test_changing_places_changes_signs_and_nothing_else(seed):
    there, back = compare(*two_runs(seed)), compare(*two_runs(seed)[::-1])
    for name in ("dice", "dice_on_nerve", "sensitivity", "specificity"):
        one, other = getattr(there, name), getattr(back, name)
        assert (one.first, one.second) == (other.second, other.first)
        low, high = one.difference.low, one.difference.high
        assert other.difference == pytest.approx((-one.difference.value, -high, -low), abs=1e-12)
    assert there.p_value == back.p_value
    assert (there.wins, there.ties, there.losses) == (back.losses, back.ties, back.wins)
    assert there.smallest_detectable == pytest.approx(back.smallest_detectable)


def test_a_report_beside_itself_shows_no_difference(scans_like):
    found = compare(scans_like, make_report(scans_like, resamples=2))
    assert found.dice.difference == (0, 0, 0)
    assert (found.p_value, found.smallest_detectable) == (1, 0)
    assert (found.wins, found.ties, found.losses) == (0, 9, 0)
    assert found.verdict == "no difference: every subject scores the same in both"


@pytest.fixture
def scans_like():
    return two_runs()[0]


def test_the_order_of_frames_does_not_matter(scans_like):
    first, second = two_runs()
    order = np.random.default_rng(1).permutation(len(second))
    columns = {
        name: getattr(second, name)[order]
        for name in ("ids", "subjects", "truth_area", "passed", "presence")
    }
    mixed = replace(second, **columns, mask=Counts(*(pixels[order] for pixels in second.mask)))
    assert compare(first, mixed).to_json() == compare(first, second).to_json()


def test_the_verdict_follows_the_interval():
    better = compare(*two_runs(gain=0.2))
    assert better.dice.difference.low > 0
    assert better.verdict == "the first is better"
    assert compare(*two_runs(gain=0.2)[::-1]).verdict == "the second is better"
    unsure = compare(*two_runs(gain=0.0))
    smallest = f"{unsure.smallest_detectable:.3f}"
    assert unsure.verdict == (
        f"no difference shown; one smaller than {smallest} can't be seen with 9 subjects"
    )


def test_one_subject_shows_nothing():
    found = compare(results_of([0.9, 0.8], "aa"), results_of([0.4, 0.3], "aa"))
    assert found.dice.difference.value == pytest.approx(0.5)
    assert np.isnan([found.dice.difference.low, found.smallest_detectable]).all()
    assert found.verdict == "no difference shown: one subject can't show any"
    assert json.loads(found.to_json())["smallest_detectable"] is None
    assert "nan" not in comparison_table(found)


def test_the_smallest_difference_is_the_formula():
    change = np.array([0.1, -0.05, 0.02, 0.07])
    wanted = (1.96 + 0.84) * change.std(ddof=1) / math.sqrt(4)
    assert smallest_detectable(change) == pytest.approx(wanted, rel=1e-3)
    assert smallest_detectable(change, frames=np.full(4, 120.0)) == pytest.approx(wanted, rel=1e-3)


@pytest.mark.parametrize("equal", [True, False])
def test_a_true_difference_of_that_size_is_shown_8_times_in_10(equal):
    """Subjects differ by a normal law of known spread, with equal or very unequal frames."""
    generator, subjects, sd, repeats = np.random.default_rng(0), 47, 0.05, 2000
    frames = np.full(subjects, 120.0) if equal else generator.integers(20, 300, subjects) * 1.0
    share = frames / frames.mean()
    known = (1.959964 + 0.841621) * sd * math.sqrt((share**2).mean() / subjects)
    change = generator.normal(known, sd, (repeats, subjects))
    draws = draw_subjects(subjects, seed=0, resamples=800) * frames
    resampled = change @ (draws / draws.sum(axis=1, keepdims=True)).T
    shown = np.mean([estimate(0, many, subjects).low > 0 for many in resampled])
    assert shown == pytest.approx(0.8, abs=0.035)
    told = [smallest_detectable(row, frames=frames) for row in change]
    assert np.mean(told) == pytest.approx(known, rel=0.03)
    if equal:
        tested = np.mean(stats.wilcoxon(change, axis=1, method="approx").pvalue < 0.05)
        assert tested == pytest.approx(0.8, abs=0.05)


def test_without_a_true_difference_one_in_twenty_is_shown():
    shown = 0
    for seed in range(200):
        generator = np.random.default_rng(seed)
        owners = np.repeat(np.arange(40), 2)
        runs = [generator.uniform(0.3, 0.9, 80).round(3) for _ in range(2)]
        found = compare(*(results_of(dice, owners) for dice in runs), resamples=400)
        shown += "better" in found.verdict
    assert 2 <= shown <= 22


MISMATCHES = {
    "a frame less": (lambda r: results_of(r.dice()[:-1], r.subjects[:-1]), "f59 isn't in the sec"),
    "another subject": (lambda r: replace(r, subjects=np.roll(r.subjects, 1)), "the subject is"),
    "another truth": (lambda r: replace(r, truth_area=r.truth_area + 1), "the area of the truth"),
}


@pytest.mark.parametrize("case", MISMATCHES)
def test_reports_that_are_not_on_the_same_frames_are_refused(case, scans_like):
    change, said = MISMATCHES[case]
    with pytest.raises(NerveCegError, match=said) as caught:
        compare(scans_like, change(scans_like))
    assert "\n" not in str(caught.value)
    assert "score both" in str(caught.value)


def test_the_file_says_what_its_numbers_mean():
    content = json.loads(compare(*two_runs()).to_json())
    assert set(content["notes"]) <= content.keys() | {"difference", "interval"}
    assert content["dice"]["difference"].keys() == {"value", "low", "high"}
    assert content["by_subject"][0].keys() == {
        "subject",
        "frames",
        "first",
        "second",
        "difference",
    }


@pytest.fixture
def run(run):
    return partial(run, compare_tool)


@pytest.fixture
def saved(tmp_path):
    """One run as evaluate.py leaves it, one as infer.py does."""
    runs = two_runs(gain=0.2)
    for results, folder in zip(runs, ("runs/a", "runs/b/predictions"), strict=True):
        make_report(results, resamples=2).save(tmp_path / folder)
    return runs


def test_the_tool_compares_saved_runs(saved, run):
    status, out, err = run("checkpoint=runs/a", "against=runs/b", "bootstraps=50", "output=kept")
    assert status == 0, err
    assert out.rstrip().endswith("(80 % power, two-sided .05)")
    for said in ("runs/b/predictions", "sensitivity", "Wilcoxon p = ", "the first is better"):
        assert said in out
    assert max(map(len, out.splitlines())) <= 100
    assert len(out.splitlines()) <= 30
    wanted = compare(*saved, resamples=50).to_json()
    assert Path("kept/comparison.json").read_text() == wanted


def test_the_tools_mistakes_are_one_line(saved, run):
    for words, said in (
        (["checkpoint=runs/a"], "against=null: the folder of a second run"),
        (["checkpoint=runs/a", "against=runs/c"], "runs/c/frames.csv doesn't exist"),
    ):
        status, _, err = run(*words)
        assert (status, len(err.strip().splitlines())) == (2, 1)
        assert said in err
