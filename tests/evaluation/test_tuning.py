from dataclasses import replace

import numpy as np
import pytest

from nerveceg.decision import Rule
from nerveceg.errors import NerveCegError
from nerveceg.evaluation.tally import HELD_OUT, OUT_OF_FOLD, Tally
from nerveceg.evaluation.tuning import JOINT, RULES, judge_tuning, tune_rule, tuned_dice
from nerveceg.outputs.tuning import rule_in_words, tuning_table

AREA = 1000


def make_tally(*, subjects=60, frames=4, dice=0.7, slope=1.0, seed=0, origin=OUT_OF_FOLD):
    """Frames whose masks overlap their truth by `dice` at every threshold.

    Presence is honest for slope 1; else its logit was multiplied by `slope`.
    """
    random = np.random.default_rng(seed)
    count = subjects * frames
    honest = random.beta(0.8, 1.1, count).clip(0.01, 0.99)
    nerve = random.random(count) < honest
    logit = slope * np.log(honest / (1 - honest))
    area = np.full(count, AREA, dtype=np.int32)
    hits = np.where(nerve, round(dice * AREA), 0).astype(np.int32)
    grid = [np.repeat(column[:, None], 99, axis=1) for column in (hits, area)]
    clean = [np.repeat(column[:, None], 19, axis=1) for column in (hits, area)]
    return Tally(
        ids=np.arange(count).astype(str),
        subjects=np.repeat(np.arange(subjects), frames).astype(str),
        presence=(1 / (1 + np.exp(-logit))).astype(np.float32),
        truth_area=np.where(nerve, AREA, 0).astype(np.int32),
        hits=grid[0],
        area=grid[1],
        clean_hits=clean[0],
        clean_area=clean[1],
        expected=np.full(count, dice, dtype=np.float32),
        best_hits=hits,
        best_area=area,
        origin=np.array(origin),
    )


def test_with_honest_presence_the_joint_rule_stays():
    assert tune_rule(make_tally(subjects=400)) == JOINT


def test_where_presence_lies_a_threshold_that_mends_it_is_found():
    tally = make_tally(subjects=200, slope=1.0)
    lifted = Tally(**{**vars(tally), "presence": tally.presence**0.3})
    chosen = tune_rule(lifted)
    assert chosen.presence is not None
    assert chosen.presence > 0.6
    assert lifted.score(chosen.presence, None).mean() > lifted.score(None, None).mean() + 0.02


def test_the_score_of_a_rule_is_that_of_the_tally_by_brute_force():
    tally = make_tally(subjects=10)
    rule = Rule(presence=0.6, mask=0.4)
    wanted = [
        (2 * hits / (AREA + truth) if said > np.float32(0.6) else float(truth == 0))
        for hits, truth, said in zip(tally.best_hits, tally.truth_area, tally.presence, strict=True)
    ]
    assert tuned_dice(tally, [rule], folds=2) == pytest.approx(wanted)


def test_each_frame_is_scored_by_a_rule_that_its_subject_had_no_say_in():
    tally = make_tally(subjects=40)
    rules = [Rule(presence=presence, mask=0.5) for presence in (0.3, 0.5, 0.7)]
    plain = [tally.score(rule.presence, 0.5, cleaned=True) for rule in rules]
    tuned = tuned_dice(tally, rules)
    assert all(
        min(column) <= one <= max(column)
        for one, column in zip(tuned, zip(*plain, strict=True), strict=True)
    )
    honest = judge_tuning(tally, rules=rules, resamples=50)
    assert honest.lines[0].dice.value == pytest.approx(tuned.mean())
    assert honest.lines[0].regret.value >= 0
    assert set(honest.chosen) <= set(rules)


def test_tuning_on_noise_gains_nothing_on_other_subjects():
    """Presence that knows nothing: in hindsight some threshold looks best, honestly none is."""
    gains = []
    for seed in range(8):
        tally = make_tally(subjects=30, seed=seed)
        random = np.random.default_rng(seed + 100)
        blind = Tally(**{**vars(tally), "presence": random.random(len(tally.ids)).astype("f4")})
        tuning = judge_tuning(blind, resamples=20)
        by_name = {line.name: line.dice.value for line in tuning.lines}
        gains.append(by_name["tuned on other subjects"] - by_name["best rule in hindsight"])
    assert max(gains) <= 1e-12
    assert np.mean(gains) < 0


def test_a_tally_of_held_out_frames_is_refused():
    with pytest.raises(NerveCegError, match="held out: a rule is tuned on out-of-fold"):
        tune_rule(make_tally(origin=HELD_OUT))
    with pytest.raises(NerveCegError, match="held out"):
        tuned_dice(make_tally(origin=HELD_OUT), RULES)


def test_more_folds_than_subjects_are_refused():
    with pytest.raises(NerveCegError, match="3 subjects for 5 folds"):
        judge_tuning(make_tally(subjects=3))


def test_the_table_names_rule_score_and_regret():
    text = tuning_table(judge_tuning(make_tally(subjects=400), resamples=50))
    assert "oracle gate, best mask" in text
    assert "chosen on all subjects: presence > 1 / (1 + d), pixels >= d / 2" in text
    assert rule_in_words(Rule(presence=0.5, mask=0.4, area=9)) == (
        "presence > 0.5, pixels >= 0.4, area >= 9"
    )


def test_rules_are_tuned_with_the_blur_of_the_tallys_masks():
    tally = replace(make_tally(subjects=40), blur=np.array(51))
    chosen = tune_rule(tally, rules=[Rule(presence=0.5, mask=0.5)])
    assert chosen == Rule(presence=0.5, mask=0.5, blur=51)
    assert "blur of 51" in rule_in_words(chosen)
    assert tune_rule(tally, rules=[JOINT]) == JOINT


@pytest.mark.parametrize("wish", [{"blur": 31}, {"mixture_area": 10000}])
def test_a_rule_that_the_tally_cannot_answer_is_refused_in_one_line(wish):
    tally = replace(make_tally(subjects=20), blur=np.array(51))
    with pytest.raises(NerveCegError, match=f"rule.{next(iter(wish))}=") as caught:
        judge_tuning(tally, rules=[Rule(presence=0.5, mask=0.5, **wish)])
    assert "\n" not in str(caught.value)
