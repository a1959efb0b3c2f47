import numpy as np
import pytest
import torch

from nerveceg.arrays import areas_of, log_odds, log_sigmoid, log_sum_exp, sigmoid, to_host
from nerveceg.calibration import Calibration, Correction, Fusion
from nerveceg.decision import Rule
from nerveceg.operation import OperatingPoint
from nerveceg.probability.maps import Beta, Isotonic, Platt, Temperature
from nerveceg.probability.misses import MissCurve
from nerveceg.views import View, average_logits

RULES = {
    "joint": Rule(presence=None, mask=None),
    "plain": Rule(presence=0.4, mask=0.5, area=30),
    "blurred": Rule(presence=0.4, mask=0.5, blur=5),
    "mixture": Rule(presence=0.5, mask=0.5, mixture_area=700),
    "another prevalence": Rule(presence=None, mask=None, prevalence=0.3),
    "miss rate": Rule(presence=None, mask=None, miss_rate=0.4),
    "steps": Rule(postprocess=("closing", "ellipse")),
}
FUSION = Fusion(presence=0.8, dice=0.6, intercept=0.3, map=Temperature(slope=1.2))
CURVE = MissCurve(subjects=4, presence=(0.2, 0.45, 0.6), missed=(1.0, 2.0, 4.0))
CALIBRATION = Calibration(
    presence=Beta(a=1.3, b=0.7, c=0.1),
    pixel=Platt(slope=0.9, intercept=-0.2),
    contour=Correction(slope=0.8, intercept=0.1),
    fusion=FUSION,
    prevalence=0.45,
    misses=CURVE,
)


@pytest.fixture(scope="module")
def logits():
    """Presence, float32 [2, 2, 12], and masks, float32 [2, 12, 1, 40, 52], of blobs."""
    rng = np.random.default_rng(5)
    rows, columns = np.mgrid[:40, :52].astype(np.float32)
    away = (rows - 18) ** 2 / 120 + (columns - 25) ** 2 / 200
    sure = rng.uniform(0.2, 5, (2, 12, 1, 1, 1))
    noise = 0.3 * rng.standard_normal((2, 12, 1, 40, 52))
    masks = (sure * (1 - away) + noise).astype(np.float32)
    return rng.normal(0, 2, (2, 2, 12)).astype(np.float32), masks


@pytest.mark.parametrize("name", RULES)
def test_the_decision_on_numpy_arrays_is_the_one_on_tensors(logits, name):
    point = OperatingPoint(calibration=CALIBRATION, rule=RULES[name])
    decisions = []
    for kind in (np.asarray, torch.from_numpy):
        gate, masks = (kind(values) for values in logits)
        probability, presence = point.probability(masks), point.presence(gate)
        decisions.append((presence, point.decide(presence.value, probability)))
    (ours, one), (theirs, other) = decisions
    assert isinstance(one.mask, np.ndarray)
    assert one.final.any()
    assert not one.final.any(axis=(1, 2, 3)).all() or name in ("mixture", "miss rate", "steps")
    np.testing.assert_array_equal(one.final, other.final.numpy())
    for found, wanted in zip([*ours, *one[1:]], [*theirs, *other[1:]], strict=True):
        assert found.dtype == wanted.numpy().dtype
        np.testing.assert_allclose(found, wanted.numpy(), atol=2e-6)


def test_the_drawing_of_the_same_probabilities_is_the_same_to_the_bit(logits):
    probability = 1 / (1 + np.exp(-logits[1][0]))
    point = OperatingPoint(calibration=Calibration(), rule=RULES["joint"])
    presence = np.linspace(0.05, 0.95, 12, dtype=np.float32)
    one = point.decide(presence, probability)
    other = point.decide(torch.from_numpy(presence), torch.from_numpy(probability))
    for found, wanted in zip(one, other, strict=True):
        np.testing.assert_array_equal(found, wanted.numpy())


MAPS = [Temperature(slope=0.7), Platt(slope=2.0, intercept=-1.0), Beta(a=0.4, b=1.9, c=0.2)]
MAPS += [Isotonic(logits=(-2.0, -0.5, 1.0), presence=(0.1, 0.1, 0.8))]


@pytest.mark.parametrize("form", MAPS, ids=lambda form: form.form)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_map_of_numpy_logits_is_that_of_tensors(form, dtype):
    logit = np.linspace(-40, 40, 402).reshape(2, 201).astype(dtype)
    found, expected = form(logit), form(torch.from_numpy(logit)).numpy()
    assert found.dtype == dtype
    np.testing.assert_allclose(found, expected, atol=2e-7)


@pytest.mark.parametrize(
    "function",
    [
        sigmoid,
        log_sigmoid,
        log_sum_exp,
        average_logits,
        lambda x: log_odds(sigmoid(x), margin=1e-6),
    ],
)
def test_what_the_standard_lacks_is_alike_on_both_and_quiet_far_out(function, recwarn):
    logit = np.linspace(-90, 90, 60).reshape(3, 20).astype(np.float32)
    expected = function(torch.from_numpy(logit)).numpy()
    np.testing.assert_allclose(function(logit), expected, rtol=2e-5, atol=1e-6)
    assert not list(recwarn)


@pytest.mark.parametrize(
    "view", [View(mirrored=True, upside_down=True), View(scale=0.8, gamma=0.7)]
)
def test_a_view_of_a_numpy_frame_is_that_of_a_tensor(view):
    image = np.random.default_rng(1).random((2, 1, 20, 30), dtype=np.float32)
    found, expected = view.look(image), view.look(torch.from_numpy(image))
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-6)
    back = view.undo(expected, (20, 30)).numpy()
    np.testing.assert_allclose(view.undo(found, (20, 30)), back, atol=1e-6)


def test_areas_are_counted_over_all_but_the_first_axis():
    masks = np.arange(24).reshape(2, 1, 3, 4) > 9
    assert areas_of(masks).tolist() == areas_of(torch.from_numpy(masks)).tolist() == [2, 12]


def test_a_tensor_on_the_processor_shares_its_memory_with_numpy():
    tensor = torch.zeros(3)
    to_host(tensor)[1] = 5
    assert tensor[1] == 5
