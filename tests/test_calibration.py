import json

import numpy as np
import pytest
import torch

from nerveceg.calibration import Calibration, Correction
from nerveceg.probability.maps import Beta, Isotonic, Platt, Temperature
from nerveceg.probability.misses import MissCurve

MAPS = [
    Temperature(slope=0.7),
    Platt(slope=1.7, intercept=-0.3),
    Beta(a=1.2, b=0.8, c=0.1),
    Isotonic(logits=(-1.0, 0.5, 2.0), presence=(0.1, 0.4, 0.9)),
]


def test_nothing_changes_by_default():
    logit = torch.linspace(-30, 30, 121)
    assert torch.equal(Calibration().presence(logit), logit.sigmoid())
    assert torch.equal(Calibration().pixel(logit), logit.sigmoid())
    expected = torch.linspace(0.05, 0.98, 20)
    assert torch.equal(Calibration().contour(expected), expected)


def test_a_corrected_dice_stays_within_what_a_gate_can_use():
    corrected = Correction(slope=2.0, intercept=-0.5)(torch.tensor([0.0, 0.5, 1.0]))
    assert corrected.tolist() == pytest.approx([0.05, 0.5, 0.98])


@pytest.mark.parametrize("presence", MAPS, ids=lambda one: one.form)
def test_a_calibration_comes_back_from_json_equal(presence):
    calibration = Calibration(
        presence=presence,
        pixel=Platt(slope=0.4, intercept=0.2),
        contour=Correction(slope=0.9, intercept=0.05),
        prevalence=0.41,
        misses=MissCurve.of(np.array([0.2, 0.7, 0.9]), np.array(["1", "1", "2"])),
    )
    text = json.dumps(calibration.to_dict())
    assert Calibration.from_dict(json.loads(text)) == calibration
    assert Calibration.from_dict(json.loads(json.dumps(Calibration().to_dict()))) == Calibration()
