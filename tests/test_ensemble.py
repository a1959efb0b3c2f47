import math

import pytest
import torch

from nerveceg.calibration import Calibration
from nerveceg.decision import Rule
from nerveceg.ensemble import Ensemble
from nerveceg.models.member import Member
from nerveceg.operation import OperatingPoint
from nerveceg.probability.maps import Beta, Platt
from nerveceg.runtime import Runtime
from nerveceg.views import View

CALIBRATION = Calibration(presence=Beta(a=1.4, b=0.6, c=0.3), pixel=Platt(slope=0.7, intercept=0.4))
VIEWS = (View(), View(mirrored=True), View(scale=0.9, gamma=0.8))


@pytest.fixture(scope="module")
def image():
    return torch.rand(4, 1, 64, 96, generator=torch.Generator().manual_seed(3))


@pytest.fixture
def make_member(make_classifier, make_segmenter):
    """A member from a seed, whose networks disagree with other seeds' by more than rounding."""

    def make(seed):
        member = Member(make_classifier(seed), make_segmenter(seed))
        torch.manual_seed(seed)
        for head in (p for p in member.classifier.parameters() if p.shape == (1,)):
            torch.nn.init.normal_(head)
        return member

    return make


def operate(calibration=CALIBRATION):
    return OperatingPoint(calibration=calibration, rule=Rule())


def test_one_member_and_one_view_are_the_bare_networks_exactly(make_member, image):
    member = make_member(0)
    ensemble = Ensemble([member])
    with torch.inference_mode():
        presence, mask = member.classifier(image), member.segmenter(image)
    assert torch.equal(ensemble.look(image).presence_logits, presence[None, None])
    assert torch.equal(ensemble.look(image).mask_logits(), mask[None])


def test_networks_are_put_in_evaluation_mode(make_member, image):
    ensemble = Ensemble([make_member(0).train()])
    first, second = (ensemble.look(image).presence_logits for _ in range(2))
    assert torch.equal(first, second)
    assert not any(module.training for module in ensemble.members[0].modules())


def test_members_and_views_come_in_their_order(make_member, image):
    members = [make_member(seed) for seed in range(2)]
    logits = Ensemble(members, views=VIEWS).look(image).presence_logits
    assert logits.shape == (2, 3, 4)
    for row, member in zip(logits, members, strict=True):
        for cell, view in zip(row, VIEWS, strict=True):
            with torch.inference_mode():
                assert torch.equal(cell, member.classifier(view.look(image)))


def calibrate_by_hand(logit):
    """Beta's formula on one logit."""
    said = 1 / (1 + math.exp(-logit))
    line = 1.4 * math.log(said) - 0.6 * math.log(1 - said) + 0.3
    return 1 / (1 + math.exp(-line))


def test_members_are_averaged_after_their_calibration(make_member, image):
    members = [make_member(seed) for seed in range(2)]
    ensemble, operation = Ensemble(members), operate()
    with torch.inference_mode():
        logits = [member.classifier(image).tolist() for member in members]
        pixels = [member.segmenter(image).double() for member in members]
    expected = [sum(map(calibrate_by_hand, pair)) / 2 for pair in zip(*logits, strict=True)]
    found = operation.presence(ensemble.look(image).presence_logits).value
    assert found.tolist() == pytest.approx(expected, abs=1e-6)
    # Whereas the calibrated mean logit is another number.
    middle = [calibrate_by_hand(sum(pair) / 2) for pair in zip(*logits, strict=True)]
    assert middle != pytest.approx(expected, abs=1e-4)
    probability = operation.probability(ensemble.look(image).mask_logits())
    by_hand = sum(1 / (1 + torch.exp(-(0.7 * logit + 0.4))) for logit in pixels) / 2
    torch.testing.assert_close(probability, by_hand.float())


def test_views_are_averaged_before_the_calibration(make_member, image):
    member = make_member(1)
    ensemble, operation = Ensemble([member], views=VIEWS), operate()
    with torch.inference_mode():
        seen = [member.classifier(view.look(image)).double().sigmoid() for view in VIEWS]
        maps = [
            view.undo(member.segmenter(view.look(image)), (64, 96)).double().sigmoid()
            for view in VIEWS
        ]
    mean = (sum(seen) / 3).logit().tolist()
    found = operation.presence(ensemble.look(image).presence_logits).value
    assert found.tolist() == pytest.approx([calibrate_by_hand(logit) for logit in mean], abs=1e-6)
    averaged = ensemble.look(image).mask_logits()[0].double().sigmoid()
    torch.testing.assert_close(averaged, sum(maps) / 3, atol=1e-6, rtol=0)


@pytest.mark.parametrize("view", [View(mirrored=True), View(upside_down=True)])
def test_an_exchanged_view_of_an_exchanged_frame_draws_the_exchanged_mask(make_member, image, view):
    member = make_member(0)
    plain = Ensemble([member]).look(image).mask_logits()
    exchanged = Ensemble([member], views=[view]).look(view.look(image)).mask_logits()
    assert torch.equal(exchanged[0], view.undo(plain[0], (64, 96)))
    assert not torch.equal(exchanged, plain)


@pytest.mark.parametrize("axis", [View(mirrored=True), View(upside_down=True)])
def test_both_sides_averaged_make_masks_that_follow_the_frame(make_member, image, axis):
    ensemble = Ensemble([make_member(0)], views=[View(), axis])
    before, after = (
        ensemble.look(image).mask_logits(),
        ensemble.look(axis.look(image)).mask_logits(),
    )
    torch.testing.assert_close(after[0], axis.look(before[0]), atol=1e-5, rtol=0)


def test_without_a_classifier_presence_is_one_and_no_number_is_lost(make_segmenter, image):
    members = [Member(None, make_segmenter(seed)) for seed in range(2)]
    ensemble, operation = Ensemble(members, views=VIEWS), operate(Calibration())
    presence = operation.presence(ensemble.look(image).presence_logits)
    assert presence.value.tolist() == [1.0] * 4
    assert presence.spread.tolist() == [0.0] * 4
    assert operation.probability(ensemble.look(image).mask_logits()).isfinite().all()


def test_bfloat16_changes_roundings_alone(make_member, image):
    ensemble = Ensemble([make_member(0), make_member(1)], views=VIEWS)
    exact = ensemble.look(image).presence_logits, ensemble.look(image).mask_logits()
    ensemble.use(Runtime(device="cpu", precision="bfloat16"))
    for half, full in zip(
        (ensemble.look(image).presence_logits, ensemble.look(image).mask_logits()),
        exact,
        strict=True,
    ):
        assert half.dtype == torch.float32
        assert not torch.equal(half, full)
        torch.testing.assert_close(half.sigmoid(), full.sigmoid(), atol=0.05, rtol=0)
