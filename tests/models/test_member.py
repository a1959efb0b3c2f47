import math

import pytest
import torch
from torch import nn

from nerveceg.models.member import Member
from nerveceg.models.two_heads import TwoHeads

EVERY = slice(None)


@pytest.fixture
def image():
    return torch.rand(3, 1, 64, 96, generator=torch.Generator().manual_seed(0))


class BrightAndDark(nn.Module):
    """Presence and mask from the grey levels; remembers how many frames it saw."""

    def __init__(self):
        super().__init__()
        self.seen = 0

    def forward(self, image):
        self.seen += len(image)
        return TwoHeads(image.mean((1, 2, 3)), image * 2 - 1)


def test_a_member_asks_its_networks_and_changes_nothing(make_classifier, make_segmenter, image):
    classifier, segmenter = make_classifier(0), make_segmenter(0)
    with torch.inference_mode():
        look = Member(classifier, segmenter).eval().look(image)
        assert torch.equal(look.presence, classifier(image))
        assert torch.equal(look.mask(EVERY), segmenter(image))
        assert torch.equal(look.mask(torch.tensor([2, 0])), segmenter(image[[2, 0]]))


def test_both_networks_are_part_of_the_member(make_classifier, make_segmenter):
    classifier, segmenter = make_classifier(0), make_segmenter(0)
    member = Member(classifier, segmenter)
    counted = sum(p.numel() for p in member.parameters())
    assert counted == sum(p.numel() for m in (classifier, segmenter) for p in m.parameters())
    assert not member.eval().classifier.training
    assert not member.segmenter.training


def test_without_a_classifier_every_frame_certainly_shows_the_nerve(make_segmenter, image):
    look = Member(None, make_segmenter(0)).eval().look(image)
    assert look.presence.tolist() == [math.inf] * 3
    assert look.presence.dtype == torch.float32
    assert look.presence.sigmoid().tolist() == [1.0] * 3
    assert look.mask(EVERY).isfinite().all()


def test_two_heads_are_asked_once(image):
    network = BrightAndDark()
    look = Member(None, network).look(image)
    assert torch.equal(look.presence, image.mean((1, 2, 3)))
    assert torch.equal(look.mask(torch.tensor([1])), image[1:2] * 2 - 1)
    assert torch.equal(look.mask(EVERY), image * 2 - 1)
    assert network.seen == 3
