import json
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nerveceg.calibration import Calibration

finite = st.floats(-20, 20, width=32)


@given(st.lists(finite, min_size=1), st.floats(0.1, 5), st.floats(-3, 3))
def test_presence_is_platts_formula(logits, slope, intercept):
    presence = Calibration(slope=slope, intercept=intercept)(torch.tensor(logits))
    expected = [1 / (1 + math.exp(-(slope * logit + intercept))) for logit in logits]
    assert presence.tolist() == pytest.approx(expected, rel=1e-4, abs=1e-7)


@given(finite, finite, st.floats(0.1, 5), st.floats(-3, 3))
def test_a_higher_logit_never_gives_a_lower_presence(first, second, slope, intercept):
    low, high = Calibration(slope=slope, intercept=intercept)(
        torch.tensor(sorted([first, second]))
    ).tolist()
    assert 0 <= low <= high <= 1


def test_nothing_changes_by_default():
    logit = torch.linspace(-30, 30, 121)
    assert torch.equal(Calibration()(logit), logit.sigmoid())


def test_a_calibration_comes_back_from_json_equal():
    calibration = Calibration(slope=1.7, intercept=-0.3)
    assert Calibration.from_dict(json.loads(json.dumps(calibration.to_dict()))) == calibration
