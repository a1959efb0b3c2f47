import pytest
import torch
from safetensors.torch import save_file

from nerveceg.data.dataset import FrameDataset, collate
from nerveceg.data.geometry import Geometry
from nerveceg.errors import NerveCegError
from nerveceg.models.saving import load_model, save_model
from nerveceg.models.segmenter import Segmenter
from nerveceg.models.two_headed import InceptionUNet, TwoHeadedUNet
from nerveceg.models.two_heads import TwoHeads
from nerveceg.training.losses import BceDice
from nerveceg.training.two_heads import TwoHeadObjective

SIZE = (48, 64)


def make(network, **arguments):
    torch.manual_seed(0)
    small = [4, 8, 16, 24] if network is TwoHeadedUNet else [16, 16, 32, 32]
    return network(**{"size": SIZE, "channels": small, **arguments})


both = pytest.mark.parametrize("network", [TwoHeadedUNet, InceptionUNet])


@both
@torch.inference_mode()
def test_both_heads_give_logits_of_a_frame_of_any_size(network):
    model = make(network).eval()
    for size in (SIZE, (50, 61), (64, 80)):
        output = model(torch.rand(3, 1, *size))
        assert isinstance(output, TwoHeads)
        assert output.presence.shape == (3,)
        assert output.mask.shape == (3, 1, *size)
    torch.nn.init.constant_(model.network.head.mask.bias, -50)
    torch.nn.init.constant_(model.network.head.presence.weigh.bias, -50)
    presence, mask = model(torch.rand(3, 1, *SIZE))
    assert presence.max() < -25, "a logit, no probability"
    assert mask.mean() < -25


@both
@torch.inference_mode()
def test_the_mask_of_a_padded_frame_lies_where_its_pixels_lie(network):
    model = make(network, size=(44, 60)).eval()
    image = torch.rand(2, 1, 44, 60)
    padded = torch.nn.functional.pad(image, (0, 4, 0, 4), mode="replicate")
    assert padded.shape[-2:] == SIZE
    assert torch.equal(model(image).mask, model(padded).mask[..., :44, :60])


@both
@torch.inference_mode()
def test_grey_values_are_standardised(network):
    plain = make(network, mean=0.0, std=1.0).eval()
    scaled = make(network, mean=0.3, std=0.2).eval()
    image = torch.rand(2, 1, *SIZE)
    for ours, theirs in zip(scaled(image), plain((image - 0.3) / 0.2), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-5)


@both
@torch.inference_mode()
def test_a_loaded_network_gives_the_very_logits_of_the_saved_one(network, tmp_path):
    model = make(network, mean=0.25, std=0.5)
    model(torch.rand(4, 1, *SIZE))  # so that batch norms hold more than their first values
    save_model(model, tmp_path)
    loaded = load_model(tmp_path)
    image = torch.rand(2, 1, *SIZE)
    assert type(loaded) is network
    assert loaded.config == model.config
    for ours, theirs in zip(loaded(image), model.eval()(image), strict=True):
        assert torch.equal(ours, theirs)


@both
def test_a_file_starts_all_but_a_presence_head_of_another_size(network, tmp_path):
    trained = make(network)
    path = tmp_path / "trained.safetensors"
    save_file(trained.state_dict(), path)
    started = make(network, weights=str(path), size=(96, 128))
    assert started.config["weights"] is None
    same = {
        name: torch.equal(tensor, trained.state_dict()[name])
        for name, tensor in started.state_dict().items()
    }
    assert [name for name in same if not same[name]] == ["network.head.presence.weigh.weight"]


@both
def test_weights_of_another_network_are_refused_by_name(network, tmp_path):
    path = tmp_path / "segmenter.safetensors"
    save_file(Segmenter(encoder="tu-test_resnet").state_dict(), path)
    with pytest.raises(NerveCegError, match=r"segmenter.safetensors holds another network: tensor"):
        make(network, weights=str(path), mean=0.5, std=0.5)
    with pytest.raises(NerveCegError, match=f"{network.__name__}.*weights=null"):
        make(network, weights="imagenet")


@pytest.mark.slow
@both
def test_eight_frames_are_learnt_by_heart(network, mixed_frames):
    size = (32, 48)
    dataset = FrameDataset(mixed_frames, geometry=Geometry(size=size), progress=False)
    batch = collate([dataset[0, place] for place in range(len(dataset))])
    objective = TwoHeadObjective(loss=BceDice(), presence=0.5)
    gentle = {"dropout": 0.1} if network is InceptionUNet else {}
    model = make(network, size=size, **gentle)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(60):
        loss = objective.loss(model(batch.image), batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.inference_mode():
        scores = objective.scores(objective.judge(model.eval()(batch.image), batch))
    assert scores["auroc"] == 1
    assert scores["dice"] > 0.9
