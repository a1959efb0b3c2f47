"""Answers are those of the pipeline under any rule, and say which inequality decided."""

import re
from dataclasses import replace

import numpy as np
import pytest

from nerveceg.calibration import Fusion
from nerveceg.data.images import read_image
from nerveceg.errors import NerveCegError
from nerveceg.outputs.app import Service
from nerveceg.probability.maps import Platt
from nerveceg.temporal import Exponential


@pytest.fixture
def service(tiny):
    return Service(tiny)


def rules_of(own):
    return [
        own,
        replace(own, presence=None, mask=None, area=0),
        replace(own, presence=0.0),
        replace(own, presence=1.0),
        replace(own, mixture_area=4000, presence=0.8),
        replace(own, presence=0.0, area=10**6),
    ]


def test_a_frame_that_was_seen_once_gets_the_pipelines_answer_under_each_rule(
    service, tiny, frames, monkeypatch
):
    seen = [service.look_at(frame.image) for frame in frames[:4]]
    for rule in rules_of(tiny.rule):
        with monkeypatch.context() as changed:
            changed.setattr(tiny, "rule", rule)
            wanted = tiny.predict_batch([one.image for one in seen])
            changed.setattr(tiny.ensemble, "look", None)  # no network may run again
            answers = [service.answer(one, rule) for one in seen]
        for answer, prediction in zip(answers, wanted, strict=True):
            assert answer.presence == pytest.approx(prediction.presence, abs=1e-6)
            assert answer.expected == pytest.approx(prediction.expected, abs=1e-6)
            np.testing.assert_array_equal(answer.mask, prediction.mask)
            assert answer.drawn == answer.why.startswith("Mask drawn: ")


def test_each_reason_states_an_inequality_that_holds(service, tiny, frames, monkeypatch):
    seen = [service.look_at(frame.image) for frame in frames[:3]]
    fusion = Fusion(presence=1.0, dice=0.5, intercept=0.0, map=Platt())
    checked = 0
    for calibration in (tiny.calibration, replace(tiny.calibration, fusion=fusion)):
        monkeypatch.setattr(tiny, "calibration", calibration)
        for rule in rules_of(tiny.rule):
            checked += sum(holds(service.answer(one, rule).why) for one in seen)
    assert checked > 20


def holds(why):
    """Whether a reason's own numbers make its inequality true; fails if they don't."""
    numbers = [float(one) for one in re.findall(r"\d+\.\d+", why)]
    relation = re.search(r"is not above|is above|does not reach|reaches", why)[0]
    left, right = numbers[2:4] if "×" in why else numbers[:2]
    true = left >= right if "reach" in relation else left > right
    assert true == (relation in ("is above", "reaches")), why
    return true or "not" in relation


def test_a_mask_that_is_lost_behind_an_open_gate_says_to_what(service, tiny, frames):
    seen = service.look_at(frames[0].image)
    opened = replace(tiny.rule, presence=0.0)
    area = int(service.answer(seen, opened).mask.sum())
    small = service.answer(seen, replace(opened, area=area + 1)).why
    assert f"its mask has {area} pixels, fewer than the least area {area + 1}" in small
    assert "no pixel reaches the mask" in service.answer(seen, replace(opened, mask=1)).why


def test_numbers_that_look_alike_get_the_digits_that_tell_them_apart(service, tiny, frames):
    seen = service.look_at(frames[0].image)
    presence = service.answer(seen, tiny.rule).presence
    above = presence + 0.0004 if presence < 0.5 else presence - 0.0004
    left, right = re.findall(
        r"\d+\.\d+", service.answer(seen, replace(tiny.rule, presence=above)).why
    )[:2]
    assert left != right


def test_a_clip_is_smoothed_as_the_filter_says(tiny, frames, monkeypatch):
    monkeypatch.setattr(tiny, "temporal", Exponential(weight=0.5))
    with pytest.raises(NerveCegError, match="isn't calibrated"):
        Service(tiny)
    monkeypatch.setattr(tiny, "calibration", replace(tiny.calibration, prevalence=0.4))
    service = Service(tiny)
    pictures = [frame.image for frame in frames[:3]]
    raw = [service.look_at(picture).gate.item() for picture in pictures]
    smooth = service.smooth(pictures)
    np.testing.assert_allclose(smooth, tiny.temporal(np.array(raw), prevalence=0.4), atol=1e-6)
    third = service.answer(service.look_at(pictures[2], presence=smooth[2]), tiny.rule)
    given = tiny.predict_batch([read_image(pictures[2])], presence=[smooth[2]])[0]
    assert third.presence == pytest.approx(given.presence, abs=1e-6)
    assert service.smooth(pictures[:1]) is None
