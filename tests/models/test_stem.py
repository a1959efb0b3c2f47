import pytest
import timm
import torch
from safetensors.torch import save_file

from nerveceg.errors import NerveCegError
from nerveceg.models.classifier import Classifier
from nerveceg.models.saving import load_model, save_model
from nerveceg.models.segmenter import Segmenter
from nerveceg.models.weights import copy_encoder_weights


def on_meta(build):
    """Shapes and counts without memory or arithmetic."""
    with torch.device("meta"):
        return build()


def resnet(depth, **options):
    return Classifier(f"resnet{depth}", dropout=0.0, drop_path=0.0, **options)


def count(model):
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize(
    ("depth", "ten_classes", "thousand_classes"),
    # kuangliu's pytorch-cifar (3 x 3 stem, 10 classes) and torchvision (7 x 7 stem, 1,000).
    [
        (18, 11_173_962, 11_689_512),
        (34, 21_282_122, 21_797_672),
        (50, 23_520_842, 25_557_032),
        (101, 42_512_970, 44_549_160),
        (152, 58_156_618, 60_192_808),
    ],
)
def test_resnets_are_as_large_as_published_with_either_stem(depth, ten_classes, thousand_classes):
    features = 512 if depth < 50 else 2048
    small = on_meta(lambda: resnet(depth, stem="3x3"))
    assert count(small) == ten_classes - 2 * 9 * 64 - 9 * (features + 1)
    usual = on_meta(lambda: resnet(depth))
    assert count(usual) == thousand_classes - 2 * 49 * 64 - 999 * (features + 1)


def test_the_small_stem_keeps_the_frames_size():
    model = on_meta(lambda: resnet(18, stem="3x3"))
    image = torch.empty(1, 1, 400, 400, device="meta")
    assert model.network.act1(model.network.bn1(model.network.conv1(image))).shape[2:] == (400, 400)
    assert model.network.forward_features(image).shape == (1, 512, 50, 50)
    assert model(image).shape == (1,)


@torch.inference_mode()
def test_a_network_with_a_small_stem_is_saved_with_it(tmp_path):
    model = resnet(18, stem="3x3").eval()
    save_model(model, tmp_path)
    image = torch.rand(1, 1, 32, 32)
    loaded = load_model(tmp_path)
    assert loaded.config["stem"] == "3x3"
    assert torch.equal(loaded(image), model(image))


@pytest.mark.parametrize("backbone", ["test_efficientnet", "test_resnet", "efficientnet-b0"])
def test_a_backbone_without_a_stem_to_exchange_is_refused(backbone):
    with pytest.raises(
        NerveCegError, match=f"backbone {backbone} has no stem.*stem=null.*resnet18"
    ):
        Classifier(backbone, stem="3x3")


def test_an_unknown_stem_is_refused():
    with pytest.raises(NerveCegError, match="stem=5x5: null for the backbone's own, or 3x3"):
        Classifier("resnet18", stem="5x5")


def test_weights_of_the_usual_stem_are_refused(tmp_path):
    save_file(timm.create_model("resnet18").state_dict(), tmp_path / "resnet18.safetensors")
    with pytest.raises(NerveCegError, match="conv1_weight is .64, 1, 7, 7. there, .64, 1, 3, 3."):
        resnet(18, stem="3x3", weights=str(tmp_path / "resnet18.safetensors"))


def test_a_gate_with_a_small_stem_cannot_start_an_encoder_of_the_usual_one():
    with pytest.raises(NerveCegError, match="conv1_weight"):
        copy_encoder_weights(resnet(18, stem="3x3"), Segmenter(encoder="tu-resnet18"))
