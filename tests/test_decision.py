import json

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nerveceg.decision import Rule, decide, draw, expected_score, passes
from nerveceg.errors import NerveCegError
from nerveceg.postprocess import clean_mask

PLAIN = {"postprocess": ()}


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"presence": 1.2}, "rule.presence=1.2"),
        ({"presence": -0.1}, "rule.presence=-0.1"),
        ({"presence": float("nan")}, "rule.presence=nan"),
        ({"mask": 0}, "rule.mask=0"),
        ({"mask": 1.5}, "rule.mask=1.5"),
        ({"area": -1}, "rule.area=-1"),
        ({"prevalence": 0.0}, "rule.prevalence=0.0"),
        ({"prevalence": 1}, "rule.prevalence=1"),
        ({"miss_rate": 1.0, "mask": None}, "rule.miss_rate=1.0"),
        ({"miss_rate": 0.1}, "rule.miss_rate=0.1"),
        ({"miss_rate": 0.1, "mask": None, "area": 10}, "rule.miss_rate=0.1"),
        ({"miss_rate": 0.1, "mask": None, "postprocess": ("shape_prior",)}, "rule.miss_rate=0.1"),
        ({"miss_rate": 0.1, "mask": None, "mixture_area": 9}, "rule.miss_rate=0.1"),
        ({"blur": -3}, "rule.blur=-3"),
        ({"blur": 50}, "rule.blur=50"),
        ({"blur": 51, "mask": None}, "rule.blur=51"),
        ({"mixture_area": 0}, "rule.mixture_area=0"),
        ({"mixture_area": 9, "presence": None}, "rule.mixture_area=9"),
        ({"postprocess": ("blur",)}, "'blur'"),
    ],
)
def test_a_rule_that_makes_no_sense_is_named_in_one_line(values, named):
    with pytest.raises(NerveCegError) as caught:
        Rule(**values)
    assert named in str(caught.value)
    assert "wanted" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("threshold", [0.0, 0.1, 0.5, 0.56, 0.7])
def test_presence_must_be_above_its_threshold(threshold):
    at = torch.tensor(threshold, dtype=torch.float32)
    above = torch.nextafter(at, torch.tensor(1.0))
    verdict = passes(torch.stack([at, above]), *torch.ones(2, 2), Rule(presence=threshold))
    assert verdict.tolist() == [False, True]


@pytest.mark.parametrize("threshold", [0.0, 0.1, 0.7, 1.0])
def test_the_gate_of_a_miss_rate_keeps_the_frames_at_its_threshold(threshold):
    at = torch.tensor(threshold, dtype=torch.float32)
    below = torch.nextafter(at, torch.tensor(-1.0))
    rule = Rule(presence=threshold, mask=None, miss_rate=0.1)
    assert passes(torch.stack([at, below]), *torch.ones(2, 2), rule).tolist() == [True, False]


@pytest.mark.parametrize("threshold", [0.1, 0.3, 0.5, 0.7, 1.0])
def test_a_pixel_at_the_mask_threshold_belongs_to_the_mask(threshold):
    at = torch.tensor(threshold, dtype=torch.float32)
    below = torch.nextafter(at, torch.tensor(0.0))
    drawn = draw(torch.stack([at, below]).view(1, 1, 1, 2), Rule(mask=threshold, **PLAIN))
    assert drawn.mask.flatten().tolist() == [True, False]


def test_a_mask_of_the_least_area_stays_and_one_of_a_pixel_less_goes():
    probability = torch.zeros(2, 1, 10, 10)
    probability[0, 0, 2:5, 2:6] = 1
    probability[1, 0, 2:5, 2:6] = 1
    probability[1, 0, 2, 2] = 0
    areas = draw(probability, Rule(area=12, **PLAIN)).mask.flatten(1).sum(1)
    assert areas.tolist() == [12, 0]


def test_the_area_is_that_of_the_mask_after_its_steps():
    probability = torch.zeros(1, 1, 10, 10)
    probability[0, 0, 0:3, 0:3] = 1
    probability[0, 0, 6:8, 6:8] = 1
    assert draw(probability, Rule(area=10, **PLAIN)).mask.sum() == 13
    cleaned = draw(probability, Rule(area=10, postprocess=("largest_component",)))
    assert cleaned.mask.sum() == 0


@given(st.integers(0, 2**32 - 1), st.floats(0, 1), st.floats(0.05, 1), st.integers(0, 40))
def test_the_decision_is_gate_and_threshold_and_steps_and_area(seed, presence, level, area):
    random = torch.Generator().manual_seed(seed)
    rule = Rule(presence=presence, mask=level, area=area)
    said = torch.rand(5, generator=random)
    probability = torch.rand(5, 1, 7, 9, generator=random) ** 0.5
    masks = decide(said, probability, rule)
    assert masks.shape == probability.shape
    assert masks.dtype == torch.bool
    drawing = draw(probability, rule)
    passed = passes(said, drawing.expected, drawing.area, rule)
    assert torch.equal(masks, passed[:, None, None, None] & drawing.mask)
    for one, pixels, mask in zip(said.numpy(), probability.numpy(), masks.numpy(), strict=True):
        wanted = clean_mask(pixels[0] >= np.float32(level), rule.postprocess)
        kept = one > np.float32(presence) and wanted.sum() >= area
        assert np.array_equal(mask[0], wanted if kept else np.zeros_like(wanted))


def test_a_closed_gate_leaves_every_frame_empty_and_the_probabilities_alone():
    probability = torch.ones(3, 1, 5, 5)
    assert not decide(torch.tensor([0.2, 0.5, 0.56]), probability, Rule()).any()
    assert (probability == 1).all()


@given(st.lists(st.floats(0, 1, width=32), min_size=2, max_size=8), st.floats(0, 1))
def test_who_is_likelier_present_passes_first(presences, threshold):
    expected = torch.full((len(presences),), 0.8)
    for mixture in (None, 200):
        rule = Rule(presence=threshold, mixture_area=mixture)
        verdict = passes(torch.tensor(sorted(presences)), expected, expected * 50, rule).tolist()
        assert verdict == sorted(verdict)


JOINT = Rule(presence=None, mask=None, postprocess=())


@given(st.floats(0, 1, width=32), st.floats(0.0625, 1, width=32))
def test_the_joint_gate_closes_where_an_empty_mask_is_worth_as_much(presence, dice):
    pair = torch.tensor([presence]), torch.tensor([dice])
    passed = passes(*pair, torch.ones(1), JOINT).item()
    assert passed == (np.float32(presence) * np.float32(dice) > 1 - np.float32(presence))
    drawn = torch.tensor([passed])
    best = max(1 - presence, presence * dice)
    assert expected_score(*pair, drawn).item() == pytest.approx(best, abs=1e-6)


def test_the_joint_mask_are_the_pixels_of_half_the_expected_dice():
    probability = torch.rand(4, 1, 30, 40, generator=torch.Generator().manual_seed(0)) ** 3
    mask, expected = draw(probability, JOINT)
    for frame, drawn, dice in zip(probability, mask, expected, strict=True):
        pixels = frame.flatten().double()
        hits = pixels.sort(descending=True).values.cumsum(0)
        scores = 2 * hits / (torch.arange(1, len(pixels) + 1) + pixels.sum())
        assert dice.item() == pytest.approx(scores.max().item(), abs=1e-4)
        assert torch.equal(drawn, frame >= dice / 2)


def test_a_correction_moves_the_gate_and_not_the_mask():
    probability = torch.rand(1, 1, 30, 40, generator=torch.Generator().manual_seed(0))
    plain, corrected = draw(probability, JOINT), draw(probability, JOINT, lambda dice: dice / 2)
    assert torch.equal(plain.mask, corrected.mask)
    assert torch.equal(corrected.expected, plain.expected / 2)
    presence = 1 / (1 + plain.expected * 0.75)
    assert decide(presence, probability, JOINT).any()
    assert not decide(presence, probability, JOINT, lambda dice: dice / 2).any()


def test_a_blurred_map_is_cut_where_opencv_would_cut_it():
    random = torch.Generator().manual_seed(0)
    coarse = torch.rand(3, 1, 6, 8, generator=random)
    probability = torch.nn.functional.interpolate(coarse, (90, 120), mode="bilinear")
    probability = (probability + 0.2 * torch.rand(probability.shape, generator=random)).clamp(0, 1)
    found = draw(probability, Rule(blur=51, **PLAIN))
    plain = draw(probability, Rule(**PLAIN))
    assert torch.equal(found.expected, plain.expected), "the map itself says what to expect"
    for one, mask in zip(probability.numpy(), found.mask.numpy(), strict=True):
        blurred = cv2.GaussianBlur(one[0], (51, 51), 0)
        clear = np.abs(blurred - 0.5) > 1e-5
        assert np.array_equal((blurred >= 0.5)[clear], mask[0][clear])
    assert not torch.equal(found.mask, plain.mask)


def keeps_its_mask(head, area):
    """The decision of the 2018 system, as its submission.py makes it, of a drawn mask."""
    return not (head + min(1, area / 10000.0) * 5 / 3) / 2 < 0.5


def test_a_mixture_of_presence_and_area_decides_as_the_original():
    rule = Rule(presence=0.5, mask=0.5, mixture_area=10000, **PLAIN)
    sides = [0, 10, 40, 55, 60, 70, 77, 78, 90, 100, 120]
    heads = np.linspace(0, 1, 41, dtype=np.float32)
    probability = torch.zeros(len(sides), 1, 130, 140)
    for one, side in zip(probability, sides, strict=True):
        one[0, 3 : 3 + side, 5 : 5 + side] = 0.9
    for head in heads:
        masks = decide(torch.full((len(sides),), head), probability, rule)
        kept = [side > 0 and keeps_its_mask(float(head), side**2) for side in sides]
        assert masks.flatten(1).any(1).tolist() == kept
        assert masks.flatten(1).sum(1).tolist() == [
            side**2 * keep for side, keep in zip(sides, kept, strict=True)
        ]


def test_a_large_mask_opens_the_gate_and_a_small_one_shuts_it():
    rule = Rule(presence=0.5, mask=0.5, mixture_area=10000)
    area = torch.tensor([5999.0, 6001.0, 10.0, 10.0, 1e6])
    presence = torch.tensor([0.0, 0.0, 0.99, 1.0, 0.0])
    assert passes(presence, torch.ones(5), area, rule).tolist() == [False, True, False, True, True]


def test_a_rule_of_an_earlier_version_has_neither_blur_nor_mixture():
    earlier = Rule(presence=0.6).to_dict()
    for name in ("blur", "mixture_area"):
        del earlier[name]
    assert Rule.from_dict(earlier) == Rule(presence=0.6)


def test_a_rule_comes_back_from_json_equal():
    rule = Rule(
        presence=0.61, mask=0.4, area=900, blur=3, mixture_area=70, postprocess=["fill_holes"]
    )
    assert Rule.from_dict(json.loads(json.dumps(rule.to_dict()))) == rule
    assert rule.postprocess == ("fill_holes",)
