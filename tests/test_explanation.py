import numpy as np
import pytest
import torch

from nerveceg.data.geometry import Geometry
from nerveceg.data.images import read_image
from nerveceg.errors import NerveCegError
from nerveceg.explanation import METHODS, Explainer, make_explainer
from nerveceg.models.attribution import backprop, deepest, grad_cam
from nerveceg.models.member import Member
from nerveceg.models.two_headed import TwoHeadedUNet
from nerveceg.pipeline import Pipeline


@pytest.fixture
def image(frames):
    return read_image(frames[0].image)


def mask_of(image, *, rows=slice(0), columns=slice(None)):
    mask = np.zeros(image.shape, bool)
    mask[rows, columns] = True
    return mask


@pytest.mark.parametrize("method", METHODS)
def test_heat_lies_at_native_pixels_between_zero_and_one(pipeline, image, method):
    found = Explainer(pipeline, method=method).explain(image, mask_of(image))
    for heat in found:
        assert heat.shape == image.shape
        assert heat.dtype == np.float32
        assert heat.min() >= 0
        assert 0.5 < heat.max() <= 1


def test_the_gates_heat_is_that_of_its_presence_logit(pipeline, image):
    classifier = pipeline.ensemble.members[0].classifier
    network_input = pipeline.network_input([image])

    def score(image):
        return classifier(image).sum()

    wanted = {
        "gradcam": grad_cam(score, network_input, network=classifier, order=deepest),
        "backprop": backprop(score, network_input),
    }
    for method in METHODS:
        found = Explainer(pipeline, method=method).explain(image, mask_of(image)).gate
        native = pipeline.geometry.restore(wanted[method], image.shape)[0, 0]
        assert np.allclose(found, native.numpy(), atol=1e-6)


def test_the_segmenters_saliency_is_of_the_drawn_pixels(pipeline, image):
    mask = mask_of(image, rows=slice(90, 170), columns=slice(60, 190))
    drawn = pipeline.geometry.forward_mask(torch.from_numpy(mask)[None, None])
    network_input = pipeline.network_input([image]).requires_grad_()
    logits = pipeline.ensemble.members[0].segmenter(network_input)
    torch.stack(
        [logits[0, 0, row, column] for row, column in drawn[0, 0].nonzero()]
    ).sum().backward()
    wanted = pipeline.geometry.restore(network_input.grad.abs(), image.shape)[0, 0].numpy()
    found = Explainer(pipeline, method="backprop").explain(image, mask).segmenter
    scale = network_input.grad.abs().max().item()
    assert np.allclose(found, wanted / scale, atol=1e-4)


@pytest.mark.parametrize("share", [0.1, 0])
def test_a_frame_without_a_mask_is_explained_by_its_likeliest_pixels(pipeline, image, share):
    segmenter = pipeline.ensemble.members[0].segmenter
    network_input = pipeline.network_input([image])
    bias = [weights for weights in segmenter.parameters() if weights.shape == (1,)][-1]
    with torch.no_grad():
        logit = segmenter(network_input)
        bias -= logit.quantile(1 - share) if share else logit.max() + 1
        logit = segmenter(network_input)
    pixels = logit > 0 if share else logit == logit.max()
    assert pixels.float().mean().item() == pytest.approx(share, abs=0.001)
    wanted = backprop(lambda image: segmenter(image)[pixels].sum(), network_input)
    native = pipeline.geometry.restore(wanted, image.shape)[0, 0].numpy()
    found = Explainer(pipeline, method="backprop").explain(image, mask_of(image)).segmenter
    assert np.allclose(found, native, atol=1e-5)


def test_beyond_the_crop_nothing_is_looked_at(pipeline, image):
    pipeline.geometry = Geometry(size=(64, 96), crop=(200, 300))
    height, width = image.shape
    top, left = (height - 200) // 2, (width - 300) // 2
    for heat in Explainer(pipeline, method="gradcam").explain(image, mask_of(image)):
        inside = heat[top : top + 200, left : left + 300]
        assert heat.sum() == pytest.approx(inside.sum())
        assert inside.max() > 0.5


def test_an_ensembles_heat_is_the_mean_of_its_members(
    make_classifier, make_segmenter, geometry, image
):
    members = [Member(make_classifier(seed), make_segmenter(seed)) for seed in (0, 1)]
    mask = mask_of(image, rows=slice(90, 170))
    both, first, second = (
        Explainer(Pipeline(some, geometry=geometry), method="gradcam").explain(image, mask)
        for some in (members, members[:1], members[1:])
    )
    for heat, one, other in zip(both, first, second, strict=True):
        assert not np.allclose(one, other, atol=0.05)
        assert np.allclose(heat, (one + other) / 2, atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_without_a_gate_the_segmenter_alone_is_explained(make_segmenter, geometry, image, method):
    pipeline = Pipeline([Member(None, make_segmenter(0))], geometry=geometry)
    found = Explainer(pipeline, method=method).explain(image, mask_of(image))
    assert found.gate is None
    assert found.segmenter.max() > 0.5


@pytest.mark.parametrize("method", METHODS)
def test_both_heads_of_one_network_are_explained(geometry, image, method):
    torch.manual_seed(0)
    network = TwoHeadedUNet(channels=[4, 8, 8, 8], size=geometry.size)
    pipeline = Pipeline([Member(None, network)], geometry=geometry)
    found = Explainer(pipeline, method=method).explain(image, mask_of(image))
    assert found.gate.shape == found.segmenter.shape == image.shape
    assert not np.allclose(found.gate, found.segmenter, atol=0.05)


def test_inference_mode_around_it_changes_nothing(pipeline, image):
    explainer, mask = Explainer(pipeline, method="gradcam"), mask_of(image, rows=slice(90, 170))
    wanted = explainer.explain(image, mask)
    with torch.inference_mode():
        found = explainer.explain(image, mask)
    for one, other in zip(found, wanted, strict=True):
        assert np.array_equal(one, other)


def test_an_unknown_method_is_refused_in_one_line_that_names_the_known_ones(pipeline):
    with pytest.raises(NerveCegError) as caught:
        make_explainer(pipeline, "occlusion")
    assert str(caught.value) == "explain=occlusion: none, gradcam or backprop is wanted"


@pytest.mark.parametrize("method", [None, "none"])
def test_nothing_is_explained_unless_wished(pipeline, method):
    assert make_explainer(pipeline, method) is None
