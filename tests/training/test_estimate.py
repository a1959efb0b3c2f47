import time

import pytest
import torch
from torch import nn

from nerveceg.data.dataset import FrameDataset
from nerveceg.data.geometry import Geometry
from nerveceg.runtime import Runtime
from nerveceg.training.estimate import (
    cost_of_determinism,
    in_words,
    seconds_a_frame,
    seconds_an_epoch,
)
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


class SlowNetwork(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))

    def forward(self, image):
        time.sleep(0.08)
        return self.weight * image.mean((1, 2, 3))


class SlowAugmentation:
    def set_random_state(self, *generators):
        pass

    def __call__(self, *, image, mask):
        time.sleep(0.05)
        return {"image": image, "mask": mask}


def test_an_epoch_takes_its_updates_its_augmentation_and_a_third_of_an_update_a_scored_frame(
    mixed_frames,
):
    options = {"geometry": Geometry(size=(32, 64)), "progress": False}
    train = FrameDataset(mixed_frames, augment=SlowAugmentation(), **options)
    validation = FrameDataset(mixed_frames[2:], **options)
    alone, helped = (
        seconds_an_epoch(
            SlowNetwork(),
            PresenceObjective(),
            train=train,
            validation=validation,
            runtime=Runtime(device="cpu", workers=workers),
        )
        for workers in (0, 1)
    )
    frame = 0.08 / 4
    assert helped == pytest.approx(8 * frame + 6 * frame / 3, rel=0.3)
    assert alone - helped == pytest.approx(8 * 0.05, rel=0.3)


def test_the_cost_of_determinism_is_a_ratio_of_two_measurements():
    class Slower(SlowNetwork):
        def forward(self, image):
            time.sleep(0.02 if torch.are_deterministic_algorithms_enabled() else 0.0)
            return self.weight * image.mean((1, 2, 3)) + 0 * super().forward(image)

    cost = cost_of_determinism(
        Slower(), PresenceObjective(), size=(32, 32), runtime=Runtime(device="cpu")
    )
    assert cost == pytest.approx(1.25, rel=0.15)
