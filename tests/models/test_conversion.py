import pytest
import timm
import torch
from efficientnet_pytorch import EfficientNet

from nerveceg.errors import NerveCegError
from nerveceg.models.conversion import (
    efficientnet_pytorch_from_timm,
    timm_from_efficientnet_pytorch,
)

SIZES = [
    ("b0", 1e-5),
    pytest.param("b4", 1e-4, marks=pytest.mark.slow),
]


def twins(size):
    torch.manual_seed(0)
    ours = timm.create_model(f"tf_efficientnet_{size}", in_chans=1, num_classes=5)
    theirs = EfficientNet.from_name(
        f"efficientnet-{size}", in_channels=1, num_classes=5, image_size=None
    )
    for network in (ours, theirs):
        # Fresh batch norms are all alike: without this a swap of two would not show.
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.weight.data.uniform_(0.8, 1.2)
                module.bias.data.normal_(0, 0.1)
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.5, 1.5)
    return ours.eval(), theirs.eval()


@torch.inference_mode()
def relative_difference(first, second):
    # An odd size, so that both must pad alike.
    image = torch.rand(2, 1, 75, 90)
    one, other = first(image), second(image)
    assert one.std() > 0
    return ((one - other).abs().max() / one.abs().max()).item()


@pytest.mark.parametrize(("size", "tolerance"), SIZES)
def test_timm_gives_the_logits_of_efficientnet_pytorch_after_conversion(size, tolerance):
    ours, theirs = twins(size)
    assert relative_difference(ours, theirs) > 0.1
    ours.load_state_dict(timm_from_efficientnet_pytorch(theirs.state_dict()), strict=True)
    assert relative_difference(ours, theirs) < tolerance


@pytest.mark.parametrize(("size", "tolerance"), SIZES)
def test_efficientnet_pytorch_gives_the_logits_of_timm_after_conversion(size, tolerance):
    ours, theirs = twins(size)
    theirs.load_state_dict(efficientnet_pytorch_from_timm(ours.state_dict()), strict=True)
    assert relative_difference(theirs, ours) < tolerance


@pytest.mark.parametrize("size", range(8))
def test_conversion_there_and_back_changes_no_key_of_any_size(size):
    with torch.device("meta"):
        theirs = EfficientNet.from_name(f"efficientnet-b{size}", image_size=None).state_dict()
        ours = timm.create_model(f"tf_efficientnet_b{size}").state_dict()
    converted = timm_from_efficientnet_pytorch(theirs)
    assert {k: t.shape for k, t in converted.items()} == {k: t.shape for k, t in ours.items()}
    assert list(efficientnet_pytorch_from_timm(converted)) == list(theirs)


def test_the_order_of_the_keys_does_not_matter():
    theirs = EfficientNet.from_name("efficientnet-b1", image_size=None).state_dict()
    by_name = dict(sorted(theirs.items()))
    straight, sorted_first = map(timm_from_efficientnet_pytorch, (theirs, by_name))
    assert straight.keys() == sorted_first.keys()
    assert all(straight[key] is sorted_first[key] for key in straight)


def test_a_tensor_of_another_network_is_named():
    with pytest.raises(NerveCegError, match="layer1.0.conv1.weight"):
        timm_from_efficientnet_pytorch({"layer1.0.conv1.weight": torch.zeros(1)})
