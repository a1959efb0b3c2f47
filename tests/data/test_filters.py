import json
import math
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from nerveceg.data.filters import Diffusion, filter_from_dict
from nerveceg.data.images import read_image
from nerveceg.errors import NerveCegError

NEIGHBOURS = [place for place in product((-1, 0, 1), repeat=2) if any(place)]
ON_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
CPU_AND_CUDA = pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=ON_GPU)])


def plain_diffusion(image, *, iterations, dt, kappa, option):
    """Perona and Malik pixel by pixel in doubles; outside the frame lies its own edge."""
    levels, (height, width) = image.astype(float), image.shape
    for _ in range(iterations):
        after = levels.copy()
        for row, column in np.ndindex(height, width):
            for down, right in NEIGHBOURS:
                beside = (
                    min(max(row + down, 0), height - 1),
                    min(max(column + right, 0), width - 1),
                )
                gradient = levels[beside] - levels[row, column]
                if option == 1:
                    conductance = math.exp(-((gradient / kappa) ** 2))
                else:
                    conductance = 1 / (1 + (gradient / kappa) ** 2)
                distance = math.hypot(down, right)
                after[row, column] += dt * conductance * gradient / distance**2
        levels = after
    return np.rint(levels).clip(0, 255).astype(np.uint8)


def filtered(image, *, device="cpu", **settings):
    made = Diffusion(**settings)(torch.from_numpy(image)[None, None].to(device))
    assert (made.dtype, made.device.type) == (torch.uint8, device)
    return made[0, 0].cpu().numpy()


@pytest.fixture(scope="module")
def pixels(frames):
    """Every eighth pixel of a frame, so that its edges are steep, and its corner pure noise."""
    image = read_image(frames[0].image)[::8, ::8].copy()
    image[:16, :16] = np.random.default_rng(0).integers(0, 256, (16, 16))
    return image


@pytest.mark.parametrize(
    "settings",
    [
        {"iterations": 5, "dt": 1 / 7, "kappa": 30.0, "option": 2},
        {"iterations": 3, "dt": 0.1, "kappa": 12.5, "option": 1},
    ],
)
@CPU_AND_CUDA
def test_each_pixel_is_what_the_plain_loops_make_of_it(pixels, device, settings):
    assert np.array_equal(
        filtered(pixels, device=device, **settings), plain_diffusion(pixels, **settings)
    )


def test_the_defaults_are_those_of_the_prostate_recipe(pixels):
    recipe = {"iterations": 5, "dt": 1 / 7, "kappa": 30.0, "option": 2}
    assert Diffusion() == Diffusion(**recipe)


IMAGES = arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=12))
SETTINGS = st.fixed_dictionaries(
    {
        "iterations": st.integers(1, 6),
        "dt": st.floats(0.01, 1 / 7),
        "kappa": st.floats(1, 200),
        "option": st.sampled_from([1, 2]),
    }
)


@given(IMAGES, SETTINGS)
def test_no_pixel_leaves_the_range_of_its_frame_and_the_mean_stays(image, settings):
    after = filtered(image, **settings)
    assert image.min() <= after.min()
    assert after.max() <= image.max()
    assert abs(after.mean() - image.mean()) <= 0.5 + 1e-4, "each pixel is rounded by half at most"


@given(IMAGES, SETTINGS)
@settings(max_examples=20)
def test_turned_and_mirrored_frames_are_filtered_alike(image, settings):
    after = filtered(image, **settings)
    for change in (np.fliplr, np.flipud, np.transpose):
        seen = filtered(change(image).copy("C"), **settings)
        assert np.abs(seen.astype(int) - change(after)).max() <= 1


@pytest.mark.parametrize("option", [1, 2])
def test_a_constant_frame_stays_as_it_is(option):
    image = np.full((9, 14), 77, np.uint8)
    assert np.array_equal(filtered(image, option=option), image)


@pytest.mark.parametrize("option", [1, 2])
def test_an_edge_above_kappa_outlives_noise_below_it(option):
    random = np.random.default_rng(1)
    image = np.full((64, 64), 60.0)
    image[:, 32:] = 180
    noisy = (image + random.normal(0, 8, image.shape)).round().astype(np.uint8)
    after = filtered(noisy, option=option).astype(float)
    assert after[:, :28].std() < 0.35 * noisy[:, :28].std()
    step = after[:, 34:40].mean() - after[:, 24:30].mean()
    assert step > 0.9 * 120
    assert (after[:, 32] - after[:, 31]).mean() > 0.6 * 120


def test_a_batch_is_filtered_as_its_frames_are():
    batch = torch.from_numpy(np.random.default_rng(2).integers(0, 256, (3, 1, 20, 33), np.uint8))
    whole, before = Diffusion()(batch), batch.clone()
    assert torch.equal(whole, torch.cat([Diffusion()(frame[None]) for frame in batch]))
    assert torch.equal(batch, before), "the frames themselves stay as they are"


def message_of(call, *args, **options):
    with pytest.raises(NerveCegError) as caught:
        call(*args, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ({"iterations": 0}, "a whole number from 1"),
        ({"iterations": 2.5}, "a whole number from 1"),
        ({"dt": 0.2}, "up to 1/6"),
        ({"dt": 0}, "above 0"),
        ({"kappa": -3}, "above 0"),
        ({"kappa": math.nan}, "above 0"),
        ({"option": 3}, "1 or 2"),
    ],
)
def test_a_wrong_setting_is_named_in_one_line(values, wanted):
    message = message_of(Diffusion, **values)
    ((name, value),) = values.items()
    assert f"data.filter.{name}={value}: " in message
    assert wanted in message


@pytest.mark.parametrize("made", [None, Diffusion(), Diffusion(iterations=2, kappa=9.5, option=1)])
def test_a_filter_comes_back_from_json_equal(made):
    there = json.loads(json.dumps(None if made is None else made.to_dict()))
    assert filter_from_dict(there) == made


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"name": "blur"}, ['"blur"', "diffusion"]),
        ({"_target_": "os.system"}, ['"None"', "diffusion"]),
        ({"name": "diffusion", "iterations": 5}, ["has iterations", "kappa"]),
        ({**Diffusion().to_dict(), "sharpness": 1}, ["sharpness"]),
    ],
)
def test_a_file_that_names_another_filter_or_number_is_refused(values, words):
    message = message_of(filter_from_dict, values)
    assert all(word in message for word in ["data.filter", *words])
