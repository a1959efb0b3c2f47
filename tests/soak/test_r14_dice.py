"""R14: Dice of 10,000 pairs against MONAI, smp and brute force, from masks of every precision."""

import numpy as np
import pytest
import torch

from nerveceg.evaluation.counts import Counts, count_hits, count_mask, dice, thresholds_of

PAIRS = 10_000
SIZE = (48, 64)
KINDS = 150
"""Pairs of each of the nine kinds: empty, full or one pixel, against empty, full or one pixel."""


@pytest.fixture(scope="module")
def pairs():
    """Masks of every density, bool [10000, 1, 48, 64] twice; the nine kinds among them."""
    generator = torch.Generator().manual_seed(14)
    density = torch.rand(2, PAIRS, 1, 1, 1, generator=generator) ** 3
    masks = torch.rand(2, PAIRS, 1, *SIZE, generator=generator) < density
    kinds = [torch.zeros(SIZE), torch.ones(SIZE), torch.zeros(SIZE)]
    kinds[2][5, 7] = 1
    for place, (one, other) in enumerate((a, b) for a in kinds for b in kinds):
        masks[0, KINDS * place : KINDS * (place + 1)] = one.bool()
        masks[1, KINDS * place : KINDS * (place + 1)] = other.bool()
    return masks


@pytest.fixture(scope="module")
def ours(pairs):
    return dice_of(*count_mask(*pairs), pairs[1])


def dice_of(hits, area, truth):
    return dice(Counts(hits.numpy(), area.numpy()), truth.sum((1, 2, 3)).numpy())


def test_dice_equals_brute_force(pairs, ours, figure):
    wanted = []
    for mask, truth in zip(*pairs.flatten(2).numpy(), strict=True):
        drawn, true = set(np.flatnonzero(mask).tolist()), set(np.flatnonzero(truth).tolist())
        total = len(drawn) + len(true)
        wanted.append(2 * len(drawn & true) / total if total else 1.0)
    difference = np.abs(ours - wanted).max()
    assert difference == 0
    figure("R14", f"{PAIRS:,} pairs: {difference:.0e} from brute force")


def test_dice_equals_monai_with_empty_frames_counted(pairs, ours, figure):
    from monai.metrics import DiceMetric

    metric = DiceMetric(ignore_empty=False, reduction="none")
    wanted = metric(y_pred=pairs[0].float(), y=pairs[1].float())[:, 0].numpy()
    difference = np.abs(ours - wanted).max()
    assert difference <= 1e-6
    figure("R14", f"{difference:.0e} from MONAI")


def test_dice_equals_smp_frame_by_frame(pairs, ours, figure):
    from segmentation_models_pytorch.metrics import f1_score, get_stats

    stats = get_stats(pairs[0].long(), pairs[1].long(), mode="binary")
    wanted = f1_score(*stats, reduction=None, zero_division=1.0)[:, 0].numpy()
    difference = np.abs(ours - wanted).max()
    assert difference <= 1e-6
    figure("R14", f"{difference:.0e} from smp")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_masks_score_the_same_at_every_threshold(pairs, ours, dtype, figure):
    levels = thresholds_of(100)
    hits, area = count_hits(pairs[0].to(dtype), pairs[1])
    for column in (0, 49, 98):
        same = dice_of(hits[:, column], area[:, column], pairs[1])
        assert np.array_equal(same, ours), levels[column]
    soft = torch.rand(2000, 1, *SIZE, generator=torch.Generator().manual_seed(15)).to(dtype)
    truth = pairs[1, ::5]
    for half, whole in zip(count_hits(soft, truth), count_hits(soft.float(), truth), strict=True):
        assert torch.equal(half, whole)
    figure("R14", f"{str(dtype).removeprefix('torch.')} the same")


def test_the_truth_table_is_exact(pairs, ours, figure):
    pixels = SIZE[0] * SIZE[1]
    one_in_full = 2 / (pixels + 1)
    wanted = [1, 0, 0, 0, 1, one_in_full, 0, one_in_full, 1]
    assert ours[: 9 * KINDS].reshape(9, KINDS).tolist() == [[value] * KINDS for value in wanted]
    quarter = dice(Counts(np.array([1]), np.array([4])), np.array([4]))
    assert quarter.tolist() == [0.25]
    figure("R14", "truth table exact")
