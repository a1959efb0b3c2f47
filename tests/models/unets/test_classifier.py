import pytest
import torch

from nerveceg.errors import NerveCegError
from nerveceg.models.saving import load_model, save_model
from nerveceg.models.unets import RecurrentClassifier
from nerveceg.training.objectives import PresenceObjective

TINY = (2, 4, 4)


def test_the_gate_is_as_large_as_nervecegs():
    with torch.device("meta"):
        model = RecurrentClassifier()
    # Its seven levels and six linear layers, with three colours and two classes, have 31,459,456
    # and 4,881,182; a grey channel saves 2 x 64 weights of 1 x 1, one logit 10 and a bias.
    assert sum(p.numel() for p in model.parameters()) == 31_459_456 + 4_881_182 - 2 * 64 - 11


def test_its_levels_halve_400_pixels_to_a_grid_of_six():
    with torch.device("meta"):
        model = RecurrentClassifier()
        features = model.contracting(torch.rand(1, 1, 400, 400))
    assert [tuple(level.shape[1:]) for level in features] == [
        (64, 400, 400),
        (128, 200, 200),
        (256, 100, 100),
        (512, 50, 50),
        (1024, 25, 25),
        (512, 12, 12),
        (128, 6, 6),
    ]
    assert torch.equal(model.grid(torch.ones(1, 2, 6, 6)), torch.ones(1, 2, 6, 6))


def test_a_frame_of_any_size_gets_one_float32_logit():
    model = RecurrentClassifier(TINY)
    for size in ((4, 4), (33, 70)):
        logit = model(torch.rand(3, 1, *size))
        assert (logit.shape, logit.dtype) == ((3,), torch.float32)


def test_a_frame_too_small_for_the_levels_is_refused_with_the_least_size():
    with pytest.raises(NerveCegError, match="frame of 3 x 70 is too small.*size to 4 or more"):
        RecurrentClassifier(TINY)(torch.rand(2, 1, 3, 70))


@torch.inference_mode()
def test_a_loaded_gate_gives_the_very_logits_of_the_saved_one(tmp_path):
    model = RecurrentClassifier(TINY, dropout=0.3, steps=1)
    model(torch.rand(4, 1, 32, 32))  # so that batch norms hold more than their first values
    save_model(model, tmp_path)
    loaded = load_model(tmp_path)
    image = torch.rand(2, 1, 40, 30)
    assert loaded.config == model.config
    assert torch.equal(loaded(image), model.eval()(image))


def test_imagenet_never_taught_this_gate():
    with pytest.raises(NerveCegError, match="no ImageNet weights of a RecurrentClassifier"):
        RecurrentClassifier(TINY, weights="imagenet")


@pytest.mark.slow
def test_an_eighth_of_the_gate_learns_eight_frames_by_heart(learn, mixed_frames):
    torch.manual_seed(0)
    best = learn(
        RecurrentClassifier((8, 16, 32, 64, 128, 64, 16), dropout=0.0),
        PresenceObjective(label_smoothing=0.03),
        mixed_frames,
        size=(64, 64),
        lr=0.001,
        epochs=80,
        metric="log_likelihood",
    )
    assert best.score > -0.1
