"""Heat maps against the grad-cam package, autograd by hand, and networks that are known to look."""

import numpy as np
import pytest
import torch
from scipy import ndimage, stats
from torch import nn
from torch.nn import functional

from nerveceg.errors import NerveCegError
from nerveceg.models.attribution import backprop, deepest, deepest_coarse, grad_cam
from nerveceg.models.classifier import Classifier
from nerveceg.models.padding import pad_to_stride
from nerveceg.models.segmenter import Segmenter
from nerveceg.models.two_headed import TwoHeadedUNet
from nerveceg.models.unets.classifier import RecurrentClassifier

SIZE = (64, 96)


@pytest.fixture(scope="module")
def image():
    return torch.rand(2, 1, *SIZE, generator=torch.Generator().manual_seed(1))


def score_of(network):
    def score(image):
        return network(image).sum()

    return score


def gate(backbone, *, seed=4):
    torch.manual_seed(seed)
    return Classifier(backbone, dropout=0, drop_path=0).eval()


class WithNamedFeatures(nn.Module):
    """efficientnet-pytorch with a module for its last features, whose own one serves twice."""

    def __init__(self, classifier):
        super().__init__()
        self.classifier = classifier
        self.last = nn.Identity()

    def forward(self, image):
        network = self.classifier.network
        features = self.last(network.extract_features(self.classifier.normalise(image)))
        return network._fc(features.mean((2, 3)))


def from_zero_to_one(heat):
    low, high = heat.min((1, 2), keepdims=True), heat.max((1, 2), keepdims=True)
    return (heat - low) / (high - low)


@pytest.mark.parametrize("backbone", ["test_resnet", "test_efficientnet", "efficientnet-b0"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_grad_cam_is_that_of_the_grad_cam_package(backbone, image):
    from pytorch_grad_cam import GradCAM

    classifier = gate(backbone)
    named = WithNamedFeatures(classifier) if backbone == "efficientnet-b0" else classifier
    layer = {"test_resnet": "network.layer4", "test_efficientnet": "network.bn2"}.get(
        backbone, "last"
    )
    with GradCAM(named, [named.get_submodule(layer)]) as package:
        # It adds 1e-7 to a map's maximum: far from that, the factor doesn't count.
        theirs = package(image, targets=[lambda logit: 1e5 * logit.sum()] * len(image))
    ours = grad_cam(score_of(classifier), image, network=classifier, order=deepest)[:, 0].numpy()
    assert theirs.std((1, 2)).min() > 0.05, "one map at least says nothing"
    assert np.abs(from_zero_to_one(ours) - theirs).max() < 1e-4
    assert ours.max((1, 2)) == pytest.approx(1)


@pytest.mark.parametrize("backbone", ["test_resnet", "efficientnet-b0", "test_vit"])
def test_backprop_is_the_scaled_gradient_of_each_frame_by_itself(backbone, image):
    classifier = gate(backbone)
    found = backprop(score_of(classifier), image)
    for place in range(len(image)):
        alone = image[place : place + 1].clone().requires_grad_()
        classifier(alone).backward()
        wanted = alone.grad.abs() / alone.grad.abs().max()
        torch.testing.assert_close(found[place : place + 1], wanted, rtol=1e-3, atol=1e-5)


def by_hand(features, score, size):
    """Selvaraju et al. 2017, equations 1 and 2, channel by channel."""
    (gradient,) = torch.autograd.grad(score, features)
    heat = torch.zeros(len(features), 1, *features.shape[2:])
    for channel in range(features.shape[1]):
        importance = gradient[:, channel].mean((1, 2))
        heat[:, 0] += importance[:, None, None] * features[:, channel].detach()
    wide = functional.interpolate(heat.clamp(min=0), size, mode="bilinear")
    return wide / wide.amax((1, 2, 3), keepdim=True)


@pytest.mark.parametrize("backbone", ["test_convnext", "test_nfnet", "test_efficientnet_ln"])
def test_whatever_timm_pools_is_found(backbone, image):
    classifier, pooled = gate(backbone), []
    (pool,) = [m for n, m in classifier.named_modules() if n.endswith("global_pool")]
    pool.register_forward_pre_hook(lambda _, inputs: pooled.append(inputs[0]))
    heat = grad_cam(score_of(classifier), image, network=classifier, order=deepest)
    pooled.clear()
    logit = classifier(image).sum()
    torch.testing.assert_close(heat, by_hand(pooled[0], logit, SIZE))


def test_a_fixed_grid_counts_as_pooling():
    torch.manual_seed(1)
    classifier, image = RecurrentClassifier((4, 8, 8), dropout=0).eval(), torch.rand(2, 1, 40, 64)
    deep = classifier.contracting(classifier.normalise(image))[-1]
    logit = classifier.head(classifier.grid(deep).flatten(1)).sum()
    found = grad_cam(score_of(classifier), image, network=classifier, order=deepest)
    torch.testing.assert_close(found, by_hand(deep, logit, (40, 64)))


@pytest.mark.parametrize("backbone", ["test_vit", "test_mambaout"])
def test_features_that_are_no_maps_are_refused_in_one_line(backbone, image):
    classifier = gate(backbone)
    with pytest.raises(NerveCegError, match="take explain=backprop") as caught:
        grad_cam(score_of(classifier), image, network=classifier, order=deepest)
    assert "\n" not in str(caught.value)


def test_the_presence_of_two_heads_is_explained_by_the_bottleneck(image):
    torch.manual_seed(0)
    network = TwoHeadedUNet(channels=[4, 8, 8], size=SIZE).eval()
    bottom = []
    network.network.bottom.register_forward_hook(lambda *call: bottom.append(call[2]))
    found = grad_cam(lambda i: network(i).presence.sum(), image, network=network, order=deepest)
    bottom.clear()
    presence = network(image).presence.sum()
    torch.testing.assert_close(found, by_hand(bottom[0], presence, SIZE))


def test_a_padded_frame_gets_the_map_of_the_padded_one_cropped():
    torch.manual_seed(0)
    segmenter = Segmenter("Unet", encoder="tu-test_resnet", decoder_channels=[16, 16, 8, 8, 8])
    segmenter.eval()
    image = torch.rand(1, 1, 50, 70)

    def score(image):
        return segmenter(image)[..., :50, :70].sum()

    found, padded = (
        grad_cam(score, frame, network=segmenter, order=deepest_coarse)
        for frame in (image, pad_to_stride(image))
    )
    cropped = padded[..., :50, :70]
    assert padded.shape[-2:] == (64, 96)
    torch.testing.assert_close(found, cropped / cropped.max())


def test_a_score_that_does_not_depend_on_the_frame_has_no_map(image):
    classifier = gate("test_resnet")

    def score(image):
        return torch.full((len(image),), torch.inf).sum()

    assert backprop(score, image) is None
    assert grad_cam(score, image, network=classifier, order=deepest) is None


def test_maps_leave_no_trace_in_the_network_and_work_in_inference_mode(image):
    classifier = gate("test_resnet")
    score = score_of(classifier)
    wanted = grad_cam(score, image, network=classifier, order=deepest), backprop(score, image)
    with torch.inference_mode():
        made_there = image * 1
        found = (
            grad_cam(score, made_there, network=classifier, order=deepest),
            backprop(score, made_there),
        )
    torch.testing.assert_close(found, wanted)
    assert all(parameter.grad is None for parameter in classifier.parameters())
    assert not any(module._forward_hooks for module in classifier.modules())


def squares(count, generator, *, size=96, side=24):
    """Noise, on every other frame with a bright square somewhere; where it lies."""
    frames = 0.3 * torch.rand(count, 1, size, size, generator=generator)
    corners = torch.randint(size - side, (count, 2), generator=generator)
    where = torch.zeros(frames.shape, dtype=torch.bool)
    for place, (top, left) in enumerate(corners.tolist()):
        where[place, 0, top : top + side, left : left + side] = place % 2 == 0
    return frames + 0.6 * where, where


@pytest.fixture(scope="module")
def finder():
    """A gate that has learnt to tell frames with a square from those without."""
    classifier, generator = gate("test_efficientnet").train(), torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam(classifier.parameters(), 3e-3)
    for _ in range(40):
        frames, where = squares(8, generator)
        present = where.flatten(1).any(1).float()
        loss = functional.binary_cross_entropy_with_logits(classifier(frames), present)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return classifier.eval()


@pytest.fixture(scope="module")
def shown():
    frames, where = squares(64, torch.Generator().manual_seed(1))
    return frames[::2], where[::2]


@pytest.mark.slow
def test_a_gate_that_looks_for_a_square_looks_at_it(finder, shown):
    frames, where = shown
    assert (finder(frames) > 0).all()
    heat = grad_cam(score_of(finder), frames, network=finder, order=deepest)
    peaks = np.stack(np.unravel_index(heat.flatten(1).argmax(1).numpy(), heat.shape[-2:]), axis=1)
    centres = np.stack([place[0].nonzero().float().mean(0).numpy() for place in where])
    to_square = np.linalg.norm((np.abs(peaks - centres) - 12).clip(min=0), axis=1)
    assert to_square.max() < 32, "further than a cell of the feature map"
    middles = np.stack([ndimage.center_of_mass(one) for one in heat[:, 0].numpy()])
    for axis in (0, 1):
        assert np.corrcoef(middles[:, axis], centres[:, axis])[0, 1] > 0.9
    saliency = backprop(score_of(finder), frames)
    assert saliency[where].sum() / saliency.sum() > 4 * where.float().mean()


@pytest.mark.slow
def test_random_weights_change_the_map(finder, shown):
    """The sanity check of Adebayo et al. 2018: a map that stays would tell of the frame alone."""
    frames, random = shown[0], gate("test_efficientnet", seed=0)
    maps = [
        (
            grad_cam(score_of(net), frames, network=net, order=deepest),
            backprop(score_of(net), frames),
        )
        for net in (finder, random)
    ]
    for learnt, other in zip(*maps, strict=True):
        both = zip(learnt.flatten(1), other.flatten(1), strict=True)
        assert np.mean([stats.spearmanr(*pair).statistic for pair in both]) < 0.3
