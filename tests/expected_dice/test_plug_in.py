from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nerveceg.expected_dice import plug_in, plug_in_sorted
from nerveceg.expected_dice.plug_in import _plug_in

BINS = 1024
ROUNDING = 1e-6
SEEDS = st.integers(0, 2**32 - 1)


def draw(probability):
    return probability >= plug_in(probability).threshold[:, None, None, None]


def reference(frame):
    """Dice and threshold of one frame by sorting, in float64."""
    dice = plug_in_sorted(frame.flatten().numpy()).dice
    return SimpleNamespace(dice=dice, threshold=dice / 2)


def expected(frame, mask):
    """The plug-in's own score of a mask."""
    mean_area = frame.double().sum()
    return float(2 * frame.double()[mask].sum() / (mask.sum() + mean_area))


def ellipses(count, height=84, width=116):
    """Blurred nerves of any contrast and level, on a background that is never quite zero."""
    random = torch.Generator().manual_seed(count)
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    u = torch.rand(6, count, 1, 1, 1, generator=random)
    away = ((rows - 20 - 40 * u[0]) / (6 + 9 * u[1])) ** 2 + ((columns - 30 - 50 * u[2]) / 14) ** 2
    logit = (1 - away) * (0.3 + 6 * u[3]) - 3 * u[4]
    return (logit.sigmoid() + 10 ** (-7 * u[5] - 1) * torch.rand(away.shape)).clamp(0, 1)


def kinds(seed):
    """Fields that a histogram may find hard; float32 [8, 1, 12, 14]."""
    random = np.random.default_rng(seed)
    shape = (12, 14)
    level = 10 ** random.uniform(-6, 0)
    fields = [
        random.random(shape),
        level * random.random(shape),
        random.beta(0.1, 0.3, shape),
        random.choice([0, level, 1], shape),
        np.where(random.random(shape) < 0.1, 1, level * random.random(shape)),
        random.integers(0, 5, shape) / 1024 * random.choice([1, 100]),
        level + random.uniform(0, 2 / 1024, shape),
        random.random(shape) ** random.uniform(1, 40),
    ]
    return torch.from_numpy(np.stack(fields).clip(0, 1)).float()[:, None]


@given(SEEDS)
def test_histogram_and_sorted_form_agree_within_one_bin_on_any_field(seed):
    frames = kinds(seed)
    found = plug_in(frames, bins=BINS)
    for frame, dice, threshold in zip(frames, *found, strict=True):
        wanted, one_bin = reference(frame), frame.max().item() / BINS + ROUNDING
        assert -one_bin <= dice.item() - wanted.dice <= ROUNDING
        assert abs(threshold.item() - wanted.threshold) <= one_bin


def test_histogram_and_sorted_form_agree_far_closer_on_nerves():
    frames = ellipses(60)
    found = plug_in(frames)
    for frame, dice, threshold in zip(frames, *found, strict=True):
        wanted = reference(frame)
        assert dice.item() == pytest.approx(wanted.dice, abs=1e-5)
        assert threshold.item() == pytest.approx(wanted.threshold, abs=1e-5)


def test_float32_by_many_bins_equals_float64_by_sorting():
    frames = ellipses(20)
    found = plug_in(frames, bins=2**20)
    wanted = [reference(frame) for frame in frames]
    assert found.dice.tolist() == pytest.approx([one.dice for one in wanted], abs=ROUNDING)
    assert found.dice.dtype == found.threshold.dtype == torch.float32


@given(SEEDS)
def test_the_mask_drawn_scores_the_optimum_within_one_bin(seed):
    frames = kinds(seed)
    dice, threshold = plug_in(frames)
    for frame, mask, said in zip(frames, draw(frames), dice, strict=True):
        one_bin = frame.max().item() / BINS + ROUNDING
        assert expected(frame, mask) == pytest.approx(reference(frame).dice, abs=one_bin)
        assert expected(frame, mask) == pytest.approx(said.item(), abs=one_bin)


@given(SEEDS)
def test_the_threshold_is_half_the_dice(seed):
    dice, threshold = plug_in(kinds(seed))
    assert torch.equal(threshold, dice / 2)


@given(SEEDS)
def test_the_sorted_mask_holds_all_above_half_the_dice_and_none_below(seed):
    for frame in kinds(seed):
        pixels = frame.flatten().double().numpy()
        dice, mask = plug_in_sorted(pixels)
        assert mask[pixels > dice / 2 + 1e-12].all()
        assert not mask[pixels < dice / 2 - 1e-12].any()
        assert dice == pytest.approx(expected(frame.flatten(), torch.from_numpy(mask)), abs=1e-9)


def test_one_sample_is_drawn_again_and_scores_one():
    mask = torch.rand(5, 1, 20, 30) < torch.linspace(0.01, 0.99, 5)[:, None, None, None]
    assert torch.equal(draw(mask.float()), mask)
    assert plug_in(mask.float()).dice.tolist() == pytest.approx([1] * 5, abs=1e-7)


@pytest.mark.parametrize("level", [1e-6, 0.01, 0.3, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("pixels", [1, 7, 200])
def test_equal_probabilities_are_all_taken_and_score_2c_by_1_plus_c(level, pixels):
    frame = torch.zeros(1, 1, 20, 30)
    frame.view(-1)[torch.randperm(600)[:pixels]] = level
    dice, threshold = plug_in(frame)
    assert dice.item() == pytest.approx(2 * level / (1 + level), rel=1e-6)
    assert torch.equal(draw(frame), frame > 0)
    best = plug_in_sorted(frame.flatten().numpy())
    assert best.dice == pytest.approx(dice.item(), rel=1e-6)
    assert np.array_equal(best.mask, frame.flatten().numpy() > 0)


@given(SEEDS, st.floats(1e-30, 1), st.integers(1, 4000))
def test_a_frame_with_any_probability_gets_a_mask(seed, level, bins):
    random = torch.Generator().manual_seed(seed)
    frames = torch.rand(3, 1, 9, 11, generator=random) ** 8 * level
    frames[1] = level
    frames[2] = torch.zeros(9, 11).index_put_((torch.tensor(4), torch.tensor(5)), frames.max())
    assert draw(frames)[frames.amax((1, 2, 3)) > 0].flatten(1).any(1).all()
    assert (plug_in(frames, bins=bins).threshold <= frames.amax((1, 2, 3))).all()


@pytest.mark.parametrize("level", [7.340786867260363e-10, 4.0510000909321775e-10])
def test_rounding_never_lifts_the_threshold_above_the_greatest_probability(level):
    frame = torch.zeros(1, 1, 8, 9)
    frame[0, 0, 2, :3] = level
    dice, _ = plug_in(frame)
    assert (dice / 2 > frame.max()).all()
    assert torch.equal(draw(frame), frame > 0)


@pytest.mark.parametrize("level", [1.0, 0.3])
def test_a_frame_of_millions_of_pixels_is_counted_whole(level):
    frame = torch.zeros(1, 1, 1500, 1500)
    frame[..., :1000, :] = level
    assert plug_in(frame).dice.item() == pytest.approx(2 * level / (1 + level), abs=1e-6)
    assert torch.equal(draw(frame), frame > 0)


def test_a_saturated_pixel_among_many_faint_ones_is_never_lost():
    frame = torch.full((1, 1, 420, 580), 1e-6)
    frame[0, 0, 100, 100] = 1
    assert draw(frame).nonzero().tolist() == [[0, 0, 100, 100]]


def test_a_frame_of_zeros_gets_dice_zero_and_a_threshold_that_draws_nothing():
    frames = torch.zeros(2, 1, 8, 9)
    frames[1, 0, 3, 4] = 1e-6
    dice, threshold = plug_in(frames)
    assert (dice[0].item(), threshold[0].item()) == (0, 1)
    assert draw(frames).flatten(1).sum(1).tolist() == [0, 1]


@given(SEEDS)
def test_pixels_in_another_order_change_not_a_bit(seed):
    frames = kinds(seed)
    order = torch.randperm(12 * 14, generator=torch.Generator().manual_seed(seed))
    shuffled = frames.flatten(1)[:, order].view_as(frames)
    for straight, moved in zip(plug_in(frames), plug_in(shuffled), strict=True):
        assert torch.equal(straight, moved)


def test_a_batch_gets_what_its_frames_get_one_by_one():
    frames = torch.cat([ellipses(9, 12, 14), kinds(1), torch.zeros(1, 1, 12, 14)])
    alone = [plug_in(frame[None]) for frame in frames]
    # As on a GPU, where a batch isn't taken apart.
    for found in (plug_in(frames), _plug_in(frames.flatten(1), BINS)):
        assert torch.equal(found.dice, torch.cat([one.dice for one in alone]))
        assert torch.equal(found.threshold, torch.cat([one.threshold for one in alone]))


@given(SEEDS)
def test_surer_pixels_in_the_mask_raise_the_dice_and_surer_ones_outside_lower_it(seed):
    random = np.random.default_rng(seed)
    probability = random.beta(0.4, 0.9, 150)
    dice, mask = plug_in_sorted(probability)
    surer = np.where(mask, probability + (1 - probability) * random.random(150), probability)
    assert plug_in_sorted(surer).dice >= dice - 1e-12
    raised = probability + (dice / 2 - probability) * random.random(150)
    fainter = np.where(mask, probability, raised)
    assert plug_in_sorted(fainter).dice <= dice + 1e-12
    frames = torch.from_numpy(np.stack([fainter, probability, surer])).float().view(3, 1, 10, 15)
    found = plug_in(frames).dice
    assert (found.diff() >= -1 / BINS).all()


def test_no_frames_get_no_optimum():
    dice, threshold = plug_in(torch.zeros(0, 1, 8, 9))
    assert dice.shape == threshold.shape == (0,)


def test_nothing_waits_for_the_device():
    """A tensor without contents can't be waited for."""
    found = plug_in(torch.empty(3, 1, 8, 9, device="meta"))
    assert found.dice.shape == found.threshold.shape == (3,)
    assert found.dice.device.type == "meta"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_finds_what_a_processor_finds():
    frames = ellipses(12)
    for here, there in zip(plug_in(frames), plug_in(frames.cuda()), strict=True):
        assert there.cpu().tolist() == pytest.approx(here.tolist(), abs=1e-6)
