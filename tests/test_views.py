import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage
from scipy.special import expit

from nerveceg.errors import NerveCegError
from nerveceg.views import PLAIN, View, average_logits, make_views

SIZE = (60, 84)


@pytest.fixture(scope="module")
def blob():
    """A soft ellipse off every axis of symmetry, float32 [2, 1, 60, 84] in [0, 1]."""
    row, column = np.mgrid[: SIZE[0], : SIZE[1]]
    radius = ((row - 22) / 9) ** 2 + ((column - 55) / 15) ** 2
    one = np.exp(-radius).astype(np.float32)
    return torch.from_numpy(np.stack([one, np.roll(one, (7, -12), (0, 1)) * 0.7]))[:, None]


def test_the_plain_view_is_the_frame_itself(blob):
    (plain,) = PLAIN
    assert torch.equal(plain.look(blob), blob)
    assert torch.equal(plain.undo(blob, SIZE), blob)


@pytest.mark.parametrize(
    ("view", "flip"),
    [
        (View(mirrored=True), np.fliplr),
        (View(upside_down=True), np.flipud),
        (View(mirrored=True, upside_down=True), lambda image: np.rot90(image, 2)),
    ],
)
def test_an_exchanged_view_is_numpys_and_undone_exactly(blob, view, flip):
    seen = view.look(blob)
    for image, looked in zip(blob[:, 0].numpy(), seen[:, 0].numpy(), strict=True):
        assert np.array_equal(looked, flip(image))
    assert torch.equal(view.undo(seen, SIZE), blob)


@pytest.mark.parametrize("scale", [0.5, 0.9, 1.1, 1.37, 2.0])
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_scaled_view_is_undone_within_the_error_of_interpolation(blob, scale, mirrored):
    view = View(scale=scale, mirrored=mirrored, upside_down=mirrored)
    seen = view.look(blob)
    assert seen.shape == (2, 1, round(60 * scale), round(84 * scale))
    back = view.undo(seen, SIZE)
    assert back.shape == blob.shape
    assert (back - blob).abs().max() < 0.03
    for before, after in zip(blob[:, 0].numpy(), back[:, 0].numpy(), strict=True):
        shift = np.subtract(ndimage.center_of_mass(after), ndimage.center_of_mass(before))
        assert np.abs(shift).max() < 0.1


@pytest.mark.parametrize("scale", [0.8, 1.5])
def test_a_scaled_view_shows_the_nerve_at_its_place_in_the_scaled_frame(blob, scale):
    seen = View(scale=scale).look(blob)[0, 0].numpy()
    # Pixel centres lie at whole numbers and a half from the frame's corner.
    wanted = [(c + 0.5) * scale - 0.5 for c in ndimage.center_of_mass(blob[0, 0].numpy())]
    assert ndimage.center_of_mass(seen) == pytest.approx(wanted, abs=0.3)


@pytest.mark.parametrize("gamma", [0.5, 0.8, 1.25, 2.0])
def test_gamma_changes_grey_values_alone_and_is_not_undone(blob, gamma):
    seen = View(gamma=gamma).look(blob)
    np.testing.assert_allclose(seen.numpy(), blob.numpy().astype(np.float64) ** gamma, rtol=1e-5)
    assert bool((seen >= blob).all()) == (gamma <= 1)
    assert torch.equal(View(gamma=gamma).undo(blob, SIZE), blob)


@pytest.mark.parametrize("name", ["scale", "gamma"])
@pytest.mark.parametrize("value", [0.49, 2.01, -1.0, math.nan, math.inf])
def test_a_property_out_of_range_is_one_line(name, value):
    with pytest.raises(NerveCegError, match=f"tta.views: {name}={value}") as caught:
        make_views([{name: value}])
    assert "[0.5, 2]" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("views", "said"),
    [([], "tta.views is empty"), ([{}, {"mirored": True}], "'mirored': any of mirrored, upside")],
)
def test_no_view_and_an_unknown_property_are_one_line(views, said):
    with pytest.raises(NerveCegError, match=said) as caught:
        make_views(views)
    assert "\n" not in str(caught.value)


def test_views_come_back_from_json_equal():
    views = (View(), View(mirrored=True, scale=0.9), View(upside_down=True, gamma=1.25))
    text = json.dumps([view.to_dict() for view in views])
    assert make_views(json.loads(text)) == views
    assert make_views([{}]) == PLAIN


@given(st.lists(st.floats(-15, 15), min_size=1, max_size=6))
def test_the_average_logit_is_that_of_the_mean_probability(logits):
    found = average_logits(torch.tensor(logits, dtype=torch.float64)[:, None]).item()
    mean = math.fsum(expit(logits)) / len(logits)
    assert found == pytest.approx(math.log(mean / (1 - mean)), abs=1e-9, rel=1e-9)


@given(st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=5))
def test_the_average_of_one_view_is_that_view(logits):
    one = torch.tensor(logits)
    assert torch.equal(average_logits(one[None]), one)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("extreme", [20.0, 40.0, 80.0, -80.0])
def test_extreme_logits_that_agree_keep_their_value(extreme, dtype):
    logits = torch.full((3, 2), extreme, dtype=dtype)
    assert average_logits(logits).tolist() == pytest.approx([extreme] * 2, rel=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_extreme_logits_that_differ_meet_at_their_mean_probability(dtype):
    opposed = torch.tensor([[80.0], [-80.0]], dtype=dtype)
    assert average_logits(opposed).item() == pytest.approx(0, abs=1e-6)
    # 1 - mean is half of the larger miss: the logit is 40 + ln 2.
    sure = torch.tensor([[80.0], [40.0]], dtype=dtype)
    assert average_logits(sure).item() == pytest.approx(40 + math.log(2), rel=1e-6)
    assert average_logits(-sure).item() == pytest.approx(-40 - math.log(2), rel=1e-6)


def test_an_infinite_logit_stays_certain_and_counts_as_one_view_among_several():
    certain = torch.full((3, 2), math.inf)
    assert average_logits(certain).tolist() == [math.inf, math.inf]
    assert average_logits(-certain).tolist() == [-math.inf, -math.inf]
    mixed = torch.tensor([[math.inf], [0.0]])
    assert average_logits(mixed).item() == pytest.approx(math.log(3), rel=1e-6)


def test_only_the_first_axis_is_averaged():
    logits = torch.randn(3, 2, 4, 5, generator=torch.Generator().manual_seed(0), dtype=torch.double)
    mean = logits.sigmoid().mean(0)
    torch.testing.assert_close(average_logits(logits), mean.logit())
