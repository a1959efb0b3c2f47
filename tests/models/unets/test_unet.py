import pytest
import torch
from safetensors.torch import load_file, save_file

from nerveceg.data.presence import is_present
from nerveceg.errors import NerveCegError
from nerveceg.models.classifier import Classifier
from nerveceg.models.saving import load_model, save_model
from nerveceg.models.unets import RecurrentClassifier, UNet
from nerveceg.models.weights import copy_encoder_weights
from nerveceg.training.losses import BceDice
from nerveceg.training.objectives import MaskObjective

EIGHTH = (8, 16, 32, 64, 128)
TINY = (2, 4, 4)
VARIANTS = {
    "U-Net": {},
    "R2U-Net": {"recurrent": True},
    "Attention U-Net": {"attention": True},
    "R2-Attention U-Net": {"recurrent": True, "attention": True},
}
variants = pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)


def at_full_size(build):
    """Shapes and counts without memory or arithmetic."""
    with torch.device("meta"):
        return build()


def count(model):
    return sum(parameter.numel() for parameter in model.parameters())


def refused(call, *arguments, **options):
    with pytest.raises(NerveCegError) as caught:
        call(*arguments, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("variant", "published"),
    # LeeJunHyun's Image_Segmentation with three colours, quoted as 34.53, 39.09, 34.88, 39.44 M.
    list(zip(VARIANTS.values(), [34_527_041, 39_091_393, 34_878_573, 39_442_925], strict=True)),
    ids=VARIANTS,
)
def test_the_four_networks_are_as_large_as_published(variant, published):
    # One grey channel saves two colours in a first layer of 3 x 3 (U-Net) or 1 x 1 (R2U-Net).
    colours = 2 * 64 * (1 if "recurrent" in variant else 9)
    assert count(at_full_size(lambda: UNet(**variant))) == published - colours


@variants
def test_every_level_has_the_width_and_the_size_of_the_papers(variant):
    shapes = {}

    def watch(name):
        return lambda module, inputs, output: shapes.update({name: tuple(output.shape[1:])})

    model = at_full_size(lambda: UNet(**variant))
    for side in (model.contracting, model.expanding):
        for place, level in enumerate(side.levels):
            level.register_forward_hook(watch((side.__class__.__name__, place)))
            for name in ("up", "gate", "block"):
                if getattr(level, name, None) is not None:
                    level.get_submodule(name).register_forward_hook(watch((name, place)))
    logit = model(torch.empty(1, 1, 512, 512, device="meta"))
    assert logit.shape == (1, 1, 512, 512)
    finest_first = [(64, 512), (128, 256), (256, 128), (512, 64), (1024, 32)]
    down = {("ContractingPath", place): (c, s, s) for place, (c, s) in enumerate(finest_first)}
    up = {
        (name, place): (c, s, s)
        for place, (c, s) in enumerate(reversed(finest_first[:-1]))
        for name in ("ExpandingPath", "up", "block", *(["gate"] if "attention" in variant else []))
    }
    assert shapes == down | up


@variants
def test_the_logits_of_a_padded_frame_lie_where_its_pixels_lie(variant):
    model = UNet(TINY, **variant).eval()
    image = torch.rand(2, 1, 38, 50)
    padded = torch.nn.functional.pad(image, (0, 14, 0, 26), mode="replicate")
    assert torch.equal(model(image), model(padded)[..., :38, :50])


@variants
@torch.inference_mode()
def test_a_loaded_network_gives_the_very_logits_of_the_saved_one(tmp_path, variant):
    model = UNet(TINY, **variant, std=0.5)
    model(torch.rand(4, 1, 32, 32))  # so that batch norms hold more than their first values
    save_model(model, tmp_path)
    loaded = load_model(tmp_path)
    image = torch.rand(2, 1, 40, 30)
    assert loaded.config == model.config
    assert torch.equal(loaded(image), model.eval()(image))
    assert torch.equal(
        UNet(TINY, **variant, std=0.5, weights=path_in(tmp_path)).eval()(image), loaded(image)
    )


def path_in(folder):
    return str(folder / "model.safetensors")


def test_weights_of_another_variant_are_refused_by_the_tensor_that_differs(tmp_path):
    save_model(UNet(TINY), tmp_path)
    message = refused(UNet, TINY, attention=True, weights=path_in(tmp_path))
    assert "holds another network: tensor expanding_levels_0_gate" in message


def test_a_file_in_three_colours_starts_a_grey_network(tmp_path):
    save_model(UNet(TINY), tmp_path)
    tensors = load_file(path_in(tmp_path))
    first = "contracting.levels.0.0.0.weight"
    thirds = {**tensors, first: (tensors[first] / 3).repeat(1, 3, 1, 1)}
    save_file(thirds, tmp_path / "colours.safetensors")
    model = UNet(TINY, weights=str(tmp_path / "colours.safetensors"))
    assert torch.allclose(model.state_dict()[first], tensors[first])


def test_imagenet_never_taught_a_unet():
    message = refused(UNet, TINY, weights="imagenet")
    assert "no ImageNet weights of a UNet" in message
    assert "weights=null" in message


@pytest.mark.parametrize("channels", [[64], [8] * 7, [], [8, 1]])
def test_levels_that_make_no_network_are_refused(channels):
    assert f"channels={channels}: give 2 to 6 levels" in refused(UNet, channels)


def test_a_recurrent_network_without_recurrence_is_refused():
    assert "steps=0" in refused(UNet, TINY, recurrent=True, steps=0)


@pytest.mark.parametrize("gate", [Classifier, RecurrentClassifier])
def test_no_gate_can_start_a_unet(gate):
    made = gate("test_resnet") if gate is Classifier else gate(TINY)
    message = refused(copy_encoder_weights, made, UNet(TINY))
    assert f"stage 1's {gate.__name__} can't start stage 2's UNet" in message
    assert "seg.init=null" in message


@pytest.mark.slow
@variants
def test_an_eighth_of_the_network_learns_eight_frames_by_heart(learn, frames, variant):
    nerve = [frame for frame in frames if is_present(frame)][:8]
    torch.manual_seed(0)
    best = learn(
        UNet(EIGHTH, **variant),
        MaskObjective(loss=BceDice()),
        nerve,
        size=(32, 32),
        lr=0.01,
        epochs=90,
        metric="dice",
    )
    assert best.score > 0.85
