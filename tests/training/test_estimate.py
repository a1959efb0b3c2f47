import pytest
import torch

from nerveceg.runtime import Runtime
from nerveceg.training.estimate import in_words, seconds_a_frame
from nerveceg.training.losses import BceDice
from nerveceg.training.objectives import MaskObjective, PresenceObjective


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.01, "1 s"),
        (89.4, "89 s"),
        (90, "2 min"),
        (600, "10 min"),
        (5399, "90 min"),
        (5400, "1.5 h"),
        (86400, "24.0 h"),
    ],
)
def test_durations_are_said_as_people_say_them(seconds, words):
    assert in_words(seconds) == words


@pytest.mark.parametrize("stage", ["cls", "seg"])
def test_the_measurement_leaves_the_model_as_it_was(stage, make_classifier, make_segmenter):
    model = make_classifier(0) if stage == "cls" else make_segmenter(0)
    objective = PresenceObjective() if stage == "cls" else MaskObjective(loss=BceDice())
    model.eval()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    spent = seconds_a_frame(model, objective, size=(32, 64), runtime=Runtime(device="cpu"))
    assert 0 < spent < 5
    assert not model.training
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
