import math
from statistics import pstdev

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nerveceg.calibration import MOST_DICE, Calibration, Correction, Fusion
from nerveceg.decision import Rule, decide
from nerveceg.errors import NerveCegError
from nerveceg.operation import OperatingPoint
from nerveceg.probability.maps import Platt
from nerveceg.probability.misses import MissCurve

SLOPE, INTERCEPT, TRAINED = 0.8, -0.3, 0.41
JOINT = {"presence": None, "mask": None}
FUSION = Fusion(presence=0.9, dice=0.6, intercept=0.4, map=Platt(slope=1.1, intercept=-0.2))


def operate(*, misses=None, fusion=None, **rule):
    calibration = Calibration(
        presence=Platt(slope=SLOPE, intercept=INTERCEPT),
        pixel=Platt(slope=0.5, intercept=0.2),
        contour=Correction(slope=0.9, intercept=0.02),
        fusion=fusion,
        prevalence=TRAINED,
        misses=misses,
    )
    return OperatingPoint(calibration=calibration, rule=Rule(**rule))


def sigmoid(logit):
    return 1 / (1 + math.exp(-logit))


def logit_of(probability):
    return math.log(probability / (1 - probability))


def calibrate_by_hand(logit):
    return sigmoid(SLOPE * logit + INTERCEPT)


def shift_by_hand(presence, target):
    odds = presence / (1 - presence)
    odds *= (target / (1 - target)) / (TRAINED / (1 - TRAINED))
    return odds / (1 + odds)


def presence_by_hand(logits):
    """Of one frame; logits: a list for each member of one number for each view."""
    seen = [sum(map(sigmoid, member)) / len(member) for member in logits]
    return sum(calibrate_by_hand(logit_of(mean)) for mean in seen) / len(seen)


looks = st.integers(1, 3).flatmap(
    lambda views: st.lists(
        st.lists(st.floats(-8, 8), min_size=views, max_size=views), min_size=1, max_size=3
    )
)


@given(looks, st.sampled_from([None, 0.1, 0.49, 0.9]))
def test_presence_is_the_mean_of_calibrated_members_shifted_to_the_prevalence(logits, target):
    point = operate(prevalence=target)
    gate = point.presence(torch.tensor(logits)[:, :, None])
    mean = presence_by_hand(logits)
    assert gate.value.item() == pytest.approx(mean, abs=2e-6)
    expected = mean if target is None else shift_by_hand(mean, target)
    assert point.before_mask(gate.value).item() == pytest.approx(expected, abs=1e-5)


@given(looks)
def test_the_spread_is_the_population_deviation_over_members_and_views(logits):
    spread = operate().presence(torch.tensor(logits)[:, :, None]).spread
    each = [calibrate_by_hand(logit) for member in logits for logit in member]
    assert spread.item() == pytest.approx(pstdev(each), abs=1e-6)


def test_a_single_look_has_no_spread_at_all():
    logits = torch.randn(1, 1, 9, generator=torch.Generator().manual_seed(0)) * 5
    assert operate().presence(logits).spread.tolist() == [0.0] * 9


def test_frames_do_not_mix():
    logits = torch.randn(3, 2, 5, generator=torch.Generator().manual_seed(1))
    together = operate().presence(logits)
    for place in range(5):
        alone = operate().presence(logits[:, :, place : place + 1])
        assert together.value[place].item() == pytest.approx(alone.value.item(), abs=1e-7)
        assert together.spread[place].item() == pytest.approx(alone.spread.item(), abs=1e-7)


def test_mask_probability_is_the_mean_of_calibrated_members():
    logits = torch.randn(2, 1, 1, 3, 4, generator=torch.Generator().manual_seed(2))
    found = operate().probability(logits)
    for place in np.ndindex(3, 4):
        each = [sigmoid(0.5 * logits[m, 0, 0, *place].item() + 0.2) for m in range(2)]
        assert found[0, 0, *place].item() == pytest.approx(sum(each) / 2, abs=1e-6)


@pytest.mark.parametrize("target", [None, 0.3])
@pytest.mark.parametrize(("presence", "dice"), [(0.2, 0.9), (0.7, 0.4), (0.95, 0.8)])
def test_fused_presence_is_its_formula_and_shifted_afterwards(presence, dice, target):
    point = operate(prevalence=target, fusion=FUSION)
    fused = 0.9 * logit_of(presence) + 0.6 * logit_of(dice) + 0.4
    expected = sigmoid(1.1 * fused - 0.2)
    if target is not None:
        expected = shift_by_hand(expected, target)
    found = point.after_mask(torch.tensor([presence]), torch.tensor([dice])).item()
    assert found == pytest.approx(expected, abs=1e-6)


def curve(subjects=19):
    """One nerve frame each of n subjects, of presences k / (n + 1)."""
    presence = np.arange(1, subjects + 1, dtype=np.float32) / np.float32(subjects + 1)
    return MissCurve.of(presence, np.arange(subjects).astype(str))


@pytest.mark.parametrize("prevalence", [None, 0.05, 0.49, 0.95])
@pytest.mark.parametrize(("rate", "missed"), [(0.1, 1), (0.25, 4), (0.5, 9)])
def test_a_miss_rates_gate_keeps_frames_at_its_threshold_and_none_below(rate, missed, prevalence):
    # By conformal risk control k of n = 19 may be missed where (k + 1) / 20 <= rate.
    point = operate(misses=curve(), miss_rate=rate, mask=None, presence=None, prevalence=prevalence)
    presence = torch.tensor(curve().presence)
    probability = torch.full((19, 1, 4, 4), 0.9)
    decision = point.decide(presence, probability)
    assert decision.passed.tolist() == [k >= missed for k in range(19)]
    assert torch.equal(decision.final.flatten(1).any(1), decision.passed)
    assert torch.equal(point.may_pass(presence), decision.passed)
    just_below = torch.nextafter(presence[missed], torch.tensor(0.0)) - 1e-5
    assert not point.may_pass(just_below[None]).item()


def test_a_miss_rates_gate_keeps_frames_that_the_joint_rule_would_leave_empty():
    point = operate(misses=curve(), miss_rate=0.1, **JOINT)
    unlikely = torch.tensor([0.11])
    probability = torch.full((1, 1, 4, 4), 0.05)
    assert point.decide(unlikely, probability).final.any()
    assert not operate(**JOINT).decide(unlikely, probability).final.any()


@pytest.mark.parametrize("prevalence", [None, 0.2])
def test_an_infeasible_miss_rate_keeps_every_frame(prevalence):
    misses = curve(subjects=5)
    assert not misses.feasible(0.1)
    point = operate(misses=misses, miss_rate=0.1, prevalence=prevalence, **JOINT)
    presence = torch.tensor([0.0, 1e-30, 0.3, 1.0])
    assert point.may_pass(presence).all()
    decision = point.decide(presence, torch.full((4, 1, 4, 4), 0.2))
    assert decision.final.flatten(1).any(1).all()


def test_a_rule_without_a_miss_rate_is_its_own_gate():
    for rule in (Rule(), Rule(**JOINT, prevalence=0.3)):
        assert OperatingPoint(calibration=Calibration(), rule=rule).gate_rule == rule


@pytest.mark.parametrize(
    ("rule", "named"),
    [
        ({"miss_rate": 0.1, **JOINT}, "rule.miss_rate=0.1"),
        ({"prevalence": 0.49}, "rule.prevalence=0.49"),
    ],
)
def test_what_needs_a_calibration_is_refused_without_one(rule, named):
    point = OperatingPoint(calibration=Calibration(), rule=Rule(**rule))
    with pytest.raises(NerveCegError, match=named) as caught:
        point.decide(torch.tensor([0.5]), torch.full((1, 1, 4, 4), 0.5))
    assert "isn't calibrated" in str(caught.value)
    assert "tools/evaluate.py" in str(caught.value)
    assert "\n" not in str(caught.value)


RULES = [
    JOINT,
    {},
    {"presence": 0.3, "mask": 0.2, "area": 60},
    {**JOINT, "prevalence": 0.6},
    {**JOINT, "area": 150},
    {**JOINT, "miss_rate": 0.5},
    {"presence": 0.5, "mask": 0.3, "blur": 5},
    {"presence": 0.7, "mask": 0.4, "mixture_area": 400, "postprocess": ()},
]


def maps(seed, frames=40):
    """Smooth maps that peak at anything between nothing and certainty, and any presence."""
    random = torch.Generator().manual_seed(seed)
    coarse = torch.randn(frames, 1, 3, 4, generator=random) * 3
    level = torch.randn(frames, 1, 1, 1, generator=random) * 3 - 1
    probability = torch.nn.functional.interpolate(coarse, (15, 20), mode="bilinear") + level
    return torch.rand(frames, generator=random), probability.sigmoid()


@pytest.mark.parametrize("fusion", [None, FUSION])
@pytest.mark.parametrize("rule", RULES, ids=str)
def test_only_frames_that_may_pass_need_the_segmenter(rule, fusion):
    point = operate(misses=curve(), fusion=fusion, **rule)
    gate, probability = maps(seed=4)
    decision = point.decide(gate, probability)
    fused = point.after_mask(gate, decision.dice)
    correct = point.calibration.contour
    everywhere = decide(fused, probability, point.gate_rule, correct)
    assert torch.equal(decision.final, everywhere)
    assert 0 < int(everywhere.flatten(1).any(1).sum()) < len(gate)
    assert not (everywhere.flatten(1).any(1) & ~point.may_pass(gate)).any()


@pytest.mark.parametrize("fusion", [None, FUSION])
@pytest.mark.parametrize("rule", RULES, ids=str)
def test_the_score_is_presence_times_dice_with_a_mask_and_absence_without(rule, fusion):
    point = operate(misses=curve(), fusion=fusion, **rule)
    gate, probability = maps(seed=5)
    decision = point.decide(gate, probability)
    rows = zip(
        decision.presence.tolist(),
        decision.dice.tolist(),
        decision.final.flatten(1).any(1).tolist(),
        decision.score.tolist(),
        strict=True,
    )
    for presence, dice, drawn, score in rows:
        assert score == pytest.approx(presence * dice if drawn else 1 - presence, abs=1e-6)


def test_a_mixture_changes_what_passes_and_not_the_presence_that_is_told():
    gate, probability = maps(seed=8)
    plain, mixed = (
        operate(presence=0.7, mask=0.4, mixture_area=area).decide(gate, probability)
        for area in (None, 400)
    )
    assert torch.equal(plain.presence, mixed.presence)
    assert torch.equal(plain.fused, mixed.fused)
    assert not torch.equal(plain.passed, mixed.passed)


def test_a_rule_that_names_a_shape_prior_is_refused_where_there_is_none():
    with pytest.raises(NerveCegError, match="names 'shape_prior', but there is none"):
        operate(postprocess=("shape_prior",))


def test_presence_is_the_gates_alone_where_no_segmenter_was_asked():
    point = operate(fusion=FUSION, **JOINT)
    gate, probability = maps(seed=6)
    decision, asked = point.decide(gate, probability), point.may_pass(gate)
    assert 0 < asked.sum() < len(gate)
    assert torch.equal(decision.presence[~asked], gate[~asked])
    assert torch.equal(decision.presence[asked], decision.fused[asked])
    assert torch.equal(decision.fused, point.after_mask(gate, decision.dice))


def test_the_joint_rule_takes_the_better_of_a_mask_and_none():
    gate, probability = maps(seed=7)
    decision = operate(**JOINT).decide(gate, probability)
    best = torch.maximum(1 - gate, gate * decision.dice)
    torch.testing.assert_close(decision.score, best)


def test_the_least_presence_that_is_asked_about_is_what_the_best_mask_could_lift():
    gate = torch.linspace(0, 1, 2001)
    asked = operate(**JOINT).may_pass(gate)
    assert torch.equal(asked, gate > 1 / (1 + MOST_DICE))
