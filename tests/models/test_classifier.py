import pytest
import torch

from nerveceg.errors import NerveCegError
from nerveceg.models.classifier import Classifier

SMALL = ["test_resnet", "test_efficientnet", "efficientnet-b0"]


@pytest.mark.parametrize("backbone", SMALL)
def test_a_classifier_gives_one_float32_logit_a_frame(backbone):
    logit = Classifier(backbone)(torch.rand(3, 1, 64, 64))
    assert logit.shape == (3,)
    assert logit.dtype == torch.float32


@pytest.mark.parametrize("backbone", SMALL)
def test_the_first_layer_takes_one_grey_channel(backbone):
    first = next(p for p in Classifier(backbone).network.parameters() if p.ndim == 4)
    assert first.shape[1] == 1


@pytest.mark.parametrize("backbone", SMALL)
def test_a_frame_of_odd_size_passes(backbone):
    assert Classifier(backbone)(torch.rand(2, 1, 70, 93)).shape == (2,)


def test_the_config_rebuilds_the_same_shapes():
    first = Classifier("test_efficientnet", dropout=0.1, drop_path=0.0, mean=0.4)
    second = Classifier(**first.config)
    assert second.config == first.config
    shapes = [[t.shape for t in model.state_dict().values()] for model in (first, second)]
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize(
    ("backbone", "mean", "std"),
    [
        ("tf_efficientnet_lite0", 127 / 255, 128 / 255),
        ("test_efficientnet", (0.485 + 0.456 + 0.406) / 3, (0.229 + 0.224 + 0.225) / 3),
        ("test_resnet", 0.5, 0.5),
        ("efficientnet-b0", 0.449, 0.226),
    ],
)
def test_the_normalisation_follows_from_the_backbone(backbone, mean, std):
    model = Classifier(backbone)
    grey = torch.rand(1, 1, 8, 8)
    assert torch.allclose(model.normalise(grey), (grey - mean) / std, atol=1e-6)
    assert (model.config["mean"], model.config["std"]) == pytest.approx((mean, std))


def test_dropout_acts_in_training_and_rests_in_evaluation():
    model = Classifier("test_resnet", dropout=0.5, drop_path=0.0)
    image = torch.rand(2, 1, 64, 64)
    model.train()
    assert not torch.equal(model(image), model(image))
    model.eval()
    assert torch.equal(model(image), model(image))


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("tf_eficientnet_b4", "tf_efficientnet_b4"),
        ("efficientnet-b9", "efficientnet-b7"),
        ("Resnet18", "resnet18"),
        ("tf_efficientnet_b4.jft", "tf_efficientnet_b4"),
    ],
)
def test_an_unknown_backbone_is_answered_with_the_nearest_known_names(name, nearest):
    with pytest.raises(NerveCegError) as caught:
        Classifier(name)
    assert repr(name) in str(caught.value)
    assert nearest in str(caught.value).split("nearest: ")[1].split(", ")
    assert "\n" not in str(caught.value)


def test_a_backbone_without_stochastic_depth_says_how_to_switch_it_off():
    with pytest.raises(NerveCegError, match="densenet121 takes no drop_path: set drop_path=0"):
        Classifier("densenet121", drop_path=0.2)


@pytest.mark.slow
@pytest.mark.parametrize("backbone", ["tf_efficientnet_b4", "efficientnet-b4"])
def test_the_default_backbone_has_the_size_of_its_paper(backbone):
    model = Classifier(backbone)
    count = sum(parameter.numel() for parameter in model.parameters())
    # Tan and Le (2019, table 2) give 19 M with 1,000 classes of 1,792 weights and a bias each,
    # and three colours in a stem of 48 filters of 3 x 3.
    assert count == 17_549_545
    assert count + 999 * 1793 + 2 * 48 * 9 == 19_341_616
    assert model(torch.rand(1, 1, 128, 176)).shape == (1,)
