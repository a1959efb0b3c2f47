import numpy as np
import pytest
import segmentation_models_pytorch as smp
import torch

from nerveceg.errors import NerveCegError
from nerveceg.models.padding import pad_to_stride
from nerveceg.models.segmenter import Segmenter

ARCHITECTURES = [model.__name__ for model in smp.MODEL_ARCHITECTURES_MAPPING.values()]


@pytest.mark.filterwarnings("ignore:Encoder does not have prefix tokens")
@pytest.mark.parametrize("architecture", ARCHITECTURES)
@torch.inference_mode()
def test_every_architecture_of_smp_gives_one_logit_a_pixel_at_any_size(architecture):
    model = Segmenter(architecture, encoder="tu-test_resnet").eval()
    last = [m for m in model.network.segmentation_head.modules() if hasattr(m, "bias")][-1]
    torch.nn.init.constant_(last.bias, 50)
    image = torch.rand(1, 1, 130, 147)
    logit = model(image)
    assert logit.shape == (1, 1, 130, 147)
    assert logit.mean() > 25, "a logit, no probability"
    edged = np.pad(image.numpy(), [(0, 0), (0, 0), (0, 30), (0, 13)], mode="edge")
    whole = model(torch.from_numpy(edged))
    assert torch.equal(logit, whole[..., :130, :147]), "padded and cropped back, not resized"


@pytest.mark.parametrize("encoder", ["tu-test_resnet", "tu-test_efficientnet", "efficientnet-b0"])
def test_the_logits_of_a_padded_frame_lie_where_its_pixels_lie(encoder):
    model = Segmenter(encoder=encoder).eval()
    image = torch.rand(2, 1, 70, 90)
    padded = torch.nn.functional.pad(image, (0, 6, 0, 26), mode="replicate")
    assert padded.shape[-2:] == (96, 96)
    assert torch.equal(model(image), model(padded)[..., :70, :90])


def test_padding_repeats_the_edge_and_leaves_every_pixel_in_its_place():
    image = torch.rand(1, 1, 33, 64)
    padded = pad_to_stride(image)
    assert padded.shape == (1, 1, 64, 64)
    assert torch.equal(padded[..., :33, :], image)
    assert torch.equal(padded[..., 33:, :], image[..., -1:, :].expand(1, 1, 31, 64))


def test_a_frame_that_fits_is_not_padded():
    image = torch.rand(1, 1, 64, 96)
    assert pad_to_stride(image) is image


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
def test_the_config_rebuilds_the_same_shapes():
    first = Segmenter(
        "unet",
        encoder="tu-test_efficientnet",
        decoder_channels=(32, 16, 8, 8, 4),
        decoder_attention="scse",
        drop_path=0.1,
    )
    second = Segmenter(**first.config)
    assert second.config == first.config
    shapes = [[t.shape for t in model.state_dict().values()] for model in (first, second)]
    assert shapes[0] == shapes[1]
    assert first.network.segmentation_head[0].in_channels == 4


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"architecture": "Unett"}, ["'Unett'", "nearest: Unet"]),
        ({"encoder": "tf_efficientnet_b4"}, ["'tf_efficientnet_b4'", "tu-tf_efficientnet_b4"]),
        ({"encoder": "resnet35"}, ["'resnet35'", "resnet34"]),
        ({"encoder": "tu-test_vit"}, ["Unet", "tu-test_vit", "take another pair"]),
        ({"architecture": "FPN", "decoder_channels": [8, 8]}, ["FPN", "decoder_channels=null"]),
        ({"encoder": "resnet18", "drop_path": 0.2}, ["resnet18", "set drop_path=0"]),
    ],
)
def test_what_smp_cannot_build_is_named_in_one_line_with_the_cure(arguments, words):
    with pytest.raises(NerveCegError) as caught:
        Segmenter(**{"encoder": "tu-test_resnet", **arguments})
    assert all(word in str(caught.value) for word in words)
    assert "\n" not in str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("encoder", "count"), [("tu-tf_efficientnet_b4", 19_411_513), ("efficientnet-b4", 20_224_825)]
)
def test_the_default_segmenter_builds_at_full_size(encoder, count):
    model = Segmenter(encoder=encoder)
    # smp's table gives 17 M for efficientnet-b4. Its own encoder keeps the classifier's last
    # convolution and batch norm, unused (448 x 1,792 + 2 x 1,792), and hands the stem's 48
    # channels to the decoder where timm hands the first stage's 24 (24 x 32 x 3 x 3 more).
    assert sum(parameter.numel() for parameter in model.parameters()) == count
    assert model(torch.rand(1, 1, 100, 130)).shape == (1, 1, 100, 130)
