import math

import pytest
import torch

from nerveceg.models.member import Member


@pytest.fixture
def image():
    return torch.rand(3, 1, 64, 96, generator=torch.Generator().manual_seed(0))


def test_a_member_asks_its_networks_and_changes_nothing(make_classifier, make_segmenter, image):
    classifier, segmenter = make_classifier(0), make_segmenter(0)
    member = Member(classifier, segmenter).eval()
    with torch.inference_mode():
        assert torch.equal(member.presence(image), classifier(image))
        assert torch.equal(member.mask(image), segmenter(image))


def test_both_networks_are_part_of_the_member(make_classifier, make_segmenter):
    classifier, segmenter = make_classifier(0), make_segmenter(0)
    member = Member(classifier, segmenter)
    counted = sum(p.numel() for p in member.parameters())
    assert counted == sum(p.numel() for m in (classifier, segmenter) for p in m.parameters())
    assert not member.eval().classifier.training
    assert not member.segmenter.training


def test_without_a_classifier_every_frame_certainly_shows_the_nerve(make_segmenter, image):
    member = Member(None, make_segmenter(0)).eval()
    presence = member.presence(image)
    assert presence.tolist() == [math.inf] * 3
    assert presence.dtype == torch.float32
    assert presence.sigmoid().tolist() == [1.0] * 3
    assert member.mask(image).isfinite().all()


def test_without_a_classifier_presence_is_on_the_device_of_the_frames(make_segmenter):
    member = Member(None, make_segmenter(0))
    assert member.presence(torch.empty(2, 1, 8, 8, device="meta")).device.type == "meta"
