import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nerveceg.errors import NerveCegError
from nerveceg.probability.maps import (
    FORMS,
    Beta,
    Isotonic,
    Platt,
    PresenceMap,
    Temperature,
    map_from_dict,
)

slopes, offsets = st.floats(0, 5), st.floats(-4, 4)
finite = st.floats(allow_nan=False, allow_infinity=False, width=32)


@st.composite
def isotonic_maps(draw):
    knots = draw(st.lists(st.integers(-400, 400), min_size=1, max_size=8, unique=True))
    heights = draw(st.lists(st.floats(0, 1), min_size=len(knots), max_size=len(knots)))
    return Isotonic(
        logits=tuple(knot / 16 for knot in sorted(knots)), presence=tuple(sorted(heights))
    )


maps = st.one_of(
    st.builds(Temperature, slope=slopes),
    st.builds(Platt, slope=slopes, intercept=offsets),
    st.builds(Beta, a=slopes, b=slopes, c=offsets),
    isotonic_maps(),
)


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


@given(st.lists(st.floats(-20, 20), min_size=1), slopes, offsets)
def test_platt_and_temperature_are_their_formulas(logits, slope, intercept):
    logit = torch.tensor(logits, dtype=torch.float64)
    platt = [sigmoid(slope * x + intercept) for x in logits]
    assert Platt(slope=slope, intercept=intercept)(logit).tolist() == pytest.approx(platt)
    alone = [sigmoid(slope * x) for x in logits]
    assert Temperature(slope=slope)(logit).tolist() == pytest.approx(alone)


@given(st.lists(st.floats(-20, 20), min_size=1), slopes, slopes, offsets)
def test_beta_is_kulls_formula(logits, a, b, c):
    ours = Beta(a=a, b=b, c=c)(torch.tensor(logits, dtype=torch.float64)).tolist()
    shares = [sigmoid(x) for x in logits]
    expected = [sigmoid(a * math.log(s) - b * math.log1p(-s) + c) for s in shares]
    assert ours == pytest.approx(expected, rel=1e-6, abs=1e-12)


def test_beta_with_equal_slopes_is_platt():
    logit = torch.linspace(-40, 40, 81)
    beta, platt = Beta(a=0.7, b=0.7, c=0.2)(logit), Platt(slope=0.7, intercept=0.2)(logit)
    torch.testing.assert_close(beta, platt, rtol=1e-4, atol=1e-7)


def test_nothing_changes_by_default():
    logit = torch.linspace(-30, 30, 121)
    assert torch.equal(Platt()(logit), logit.sigmoid())


@given(isotonic_maps(), st.lists(st.floats(-30, 30), min_size=1))
def test_isotonic_is_numpys_interpolation(isotonic, logits):
    ours = isotonic(torch.tensor(logits, dtype=torch.float64)).numpy()
    expected = np.interp(logits, isotonic.logits, isotonic.presence)
    np.testing.assert_allclose(ours, expected, atol=1e-12)


@given(maps, st.lists(finite, min_size=1, max_size=20))
def test_every_map_is_finite_within_0_and_1_and_never_falls(presence_map, logits):
    presence = presence_map(torch.tensor(sorted(logits)))
    assert presence.dtype == torch.float32
    assert ((presence >= 0) & (presence <= 1)).all()
    assert (presence.diff() >= -3e-7).all()


@given(isotonic_maps())
def test_isotonic_does_not_fall_by_a_bit_where_lines_meet(isotonic):
    knots = torch.tensor(isotonic.logits)
    below, above = (torch.nextafter(knots, torch.tensor(end)) for end in (-1e9, 1e9))
    line = torch.cat([below, knots, above, torch.linspace(-25, 25, 400)]).sort().values
    assert (isotonic(line).diff() >= 0).all()


@given(maps)
def test_a_nan_logit_stays_nan(presence_map):
    presence = presence_map(torch.tensor([float("nan"), 0.0]))
    assert presence.isnan().tolist() == [True, False]


@given(maps)
def test_a_map_works_on_any_shape(presence_map):
    logit = torch.linspace(-4, 4, 24).view(2, 3, 4)
    assert torch.equal(presence_map(logit).flatten(), presence_map(logit.flatten()))
    assert presence_map(torch.zeros(0)).shape == (0,)


@given(maps)
def test_a_map_comes_back_from_json_equal(presence_map):
    values = json.loads(json.dumps(presence_map.to_dict()))
    again = map_from_dict(values)
    assert again == presence_map
    assert isinstance(again, PresenceMap)
    assert FORMS[values["form"]] is type(presence_map)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"form": "spline", "slope": 1}, '"spline" is unknown: temperature, platt, beta, isotonic'),
        ({"slope": 1}, "unknown"),
        ({"form": "platt", "slop": 1}, "platt has slop: slope, intercept are wanted"),
        ({"form": "beta"}, "beta has no numbers: a, b, c are wanted"),
        ({"form": "temperature", "slope": -0.1}, "slope=-0.1: a finite number from 0 is wanted"),
        ({"form": "platt", "slope": math.inf, "intercept": 0}, "slope=inf"),
        ({"form": "platt", "slope": 1, "intercept": math.nan}, "intercept=nan: a finite number is"),
        ({"form": "beta", "a": 1, "b": -1, "c": 0}, "b=-1"),
        ({"form": "beta", "a": -1, "b": 1, "c": 0}, "a=-1"),
        ({"form": "isotonic", "logits": [0, 1], "presence": [0.5]}, "2 logits and 1 presences"),
        ({"form": "isotonic", "logits": [], "presence": []}, "0 logits"),
        ({"form": "isotonic", "logits": [0, 0], "presence": [0.1, 0.2]}, "rising logits"),
        ({"form": "isotonic", "logits": [0, 1], "presence": [0.3, 0.2]}, "presences that don't"),
        ({"form": "isotonic", "logits": [0, 1], "presence": [0.3, 1.2]}, "from 0 to 1 is wanted"),
    ],
)
def test_a_wrong_map_is_refused_in_one_line(values, message):
    with pytest.raises(NerveCegError, match=message) as refusal:
        map_from_dict(values)
    assert "\n" not in str(refusal.value)
