import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from nerveceg.calibration import Calibration
from nerveceg.data.frames import Frame
from nerveceg.errors import NerveCegError
from nerveceg.evaluation.ladder import Rung
from nerveceg.evaluation.out_of_fold import OutOfFold
from nerveceg.evaluation.smoothing import Clip, choose_smoother, clips_of, judge_smoothers
from nerveceg.outputs.smoothing import smoothing_table
from nerveceg.probability.maps import Platt
from nerveceg.temporal import RATES, Exponential, FrameByFrame, HiddenMarkov


def simulated(rate: float, *, count: int = 40, seed: int = 3) -> list[Clip]:
    """Clips of a chain that changes at `rate`, seen through honest presence, two a subject."""
    rng = np.random.default_rng(seed)
    clips = []
    for number in range(count):
        state = np.logical_xor.accumulate(np.r_[rng.random() < 0.5, rng.random(79) < rate])
        # Normal scores at +-0.7 with unit variance have the log odds 2 * 0.7 * score.
        presence = 1 / (1 + np.exp(-1.4 * rng.normal(np.where(state, 0.7, -0.7))))
        ids = [f"{number}_{place}" for place in range(80)]
        clips.append(Clip(str(number // 2), ids, presence, state, 0.5))
    return clips


def test_the_chosen_rate_is_the_one_that_made_the_clips_and_it_helps():
    none, _, chain = judge_smoothers(simulated(0.05), resamples=200)

    assert RATES.index(0.03) <= RATES.index(chain.smoother.rate) <= RATES.index(0.08)
    assert chain.nll.value < 0.7 * none.nll.value
    assert choose_smoother([none, chain]) == chain.smoother


def test_the_figures_are_those_of_scikit_learn():
    clips = simulated(0.1, count=6)
    none, filtered, _ = judge_smoothers(clips, resamples=20)
    present = np.concatenate([clip.present for clip in clips])

    for line in (none, filtered):
        presence = np.array(list(line.presence.values()))
        assert line.nll.value == pytest.approx(log_loss(present, presence))
        assert line.brier.value == pytest.approx(brier_score_loss(present, presence))
        assert line.auroc.value == pytest.approx(roc_auc_score(present, presence))
    assert none.gain == (0, 0, 0)
    assert filtered.gain.value == pytest.approx(none.nll.value - filtered.nll.value)


def test_frames_without_memory_stay_as_they_are():
    lines = judge_smoothers(simulated(0.5), resamples=200)

    assert lines[1].smoother.weight > 0.7
    assert lines[2].smoother.rate > 0.3
    assert choose_smoother(lines) == FrameByFrame()


def test_a_subject_has_no_say_in_the_number_that_its_own_clips_get():
    """One odd subject of flickering frames: the others' low rate is what it must get."""
    steady, odd = simulated(0.02, count=12), simulated(0.5, count=12, seed=9)
    clips = [*steady, *(clip._replace(subject="odd") for clip in odd)]
    fast, slow = HiddenMarkov(rate=0.5), HiddenMarkov(rate=0.02)

    (line,) = judge_smoothers(clips, candidates={"hmm": (fast, slow)}, resamples=20)

    assert line.smoother == fast  # on all clips, the many flickering ones decide
    for clip in odd:
        wanted = slow(clip.presence, prevalence=0.5)
        np.testing.assert_allclose([line.presence[one] for one in clip.ids], wanted)


def predictions(subjects):
    """Out-of-fold predictions of ten frames a subject, in an order that isn't that of time."""
    count = 10 * subjects
    order = np.random.default_rng(0).permutation(count)
    return OutOfFold(
        ids=np.array([f"{k // 10}_{k % 10 + 1}" for k in order]),
        subjects=np.array([str(k // 10) for k in order]),
        fold=(order // 10 % 2).astype(np.int32),
        logits=(order % 10 - 4.5)[:, None].astype(np.float32),
        height=np.full(count, 2, np.int32),
        width=np.full(count, 2, np.int32),
        truth_area=(order % 10 > 4).astype(np.int64),
        levels=np.zeros(count, np.uint8),
        truth=np.zeros(-(-count // 8), np.uint8),
        views=np.array("[]"),
        split=np.array("{}"),
    )


def frames_of(made, *, clip):
    pairs = zip(made.ids.tolist(), made.subjects.tolist(), strict=True)
    return [Frame(one, who, None, "", {}, who if clip else None) for one, who in pairs]


def test_clips_are_in_the_order_of_time_and_calibrated_without_their_fold():
    made = predictions(4)
    calibrations = {
        fold: Calibration(presence=Platt(slope=fold + 1.0), prevalence=0.3 + fold / 10)
        for fold in (0, 1)
    }
    clips = {
        clip.subject: clip for clip in clips_of(made, frames_of(made, clip=True), calibrations)
    }

    assert sorted(clips) == ["0", "1", "2", "3"]
    for number, clip in clips.items():
        fold = int(number) % 2
        assert clip.ids == [f"{number}_{k}" for k in range(1, 11)]
        logit = (fold + 1) * (np.arange(10) - 4.5)
        np.testing.assert_allclose(clip.presence, 1 / (1 + np.exp(-logit)), rtol=1e-6)
        assert clip.present.tolist() == [False] * 5 + [True] * 5
        assert clip.prevalence == 0.3 + fold / 10


def test_frames_that_stand_alone_are_no_clips():
    made = predictions(4)
    with pytest.raises(NerveCegError, match="0 clips among 40 frames.*data.clips=subject"):
        clips_of(made, frames_of(made, clip=False), {})


def test_a_run_without_a_gate_has_nothing_to_smooth():
    made = predictions(4)
    with pytest.raises(NerveCegError, match="no gate"):
        clips_of(made, frames_of(made, clip=True), {0: Calibration(), 1: Calibration()})


def test_the_table_has_a_line_a_filter_with_both_gains():
    clips = simulated(0.1, count=4)
    lines = judge_smoothers(clips, resamples=20)
    ids = np.array([one for clip in clips for one in clip.ids])
    subjects = np.array([clip.subject for clip in clips for _ in clip.ids])
    rungs = [Rung("", ids, subjects, np.full(320, 0.5 + k / 10)) for k in range(3)]
    lines[1] = lines[1]._replace(smoother=Exponential(weight=0.3))

    text = smoothing_table(lines, rungs, resamples=20)

    assert "320 of 320 frames in clips, 2 subjects" in text
    assert "exponential 0.3" in text
    assert "+0.100 (+0.100 to +0.100)" in text
    assert "+0.200 (+0.200 to +0.200)" in text
