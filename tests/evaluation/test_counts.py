import numpy as np
import pytest
import torch
from torch import Tensor

from nerveceg.evaluation.counts import Counts, count_hits, count_mask, dice, thresholds_of

SIZE = (24, 32)


@pytest.fixture(scope="module")
def pairs() -> tuple[Tensor, Tensor]:
    """10,000 masks and truths of every density; empty, full and single pixels among them."""
    generator = torch.Generator().manual_seed(0)
    masks = torch.rand(2, 10_000, 1, *SIZE, generator=generator)
    masks = masks < torch.rand(2, 10_000, 1, 1, 1, generator=generator) ** 3
    single = torch.zeros(SIZE, dtype=torch.bool)
    single[5, 7] = True
    kinds = (torch.zeros(SIZE), torch.ones(SIZE), single)
    for place, (mask, truth) in enumerate((a, b) for a in kinds for b in kinds):
        masks[0, 50 * place : 50 * place + 50] = mask.bool()
        masks[1, 50 * place : 50 * place + 50] = truth.bool()
    order = torch.randperm(10_000, generator=generator)
    return masks[0, order], masks[1, order]


@pytest.fixture(scope="module")
def ours(pairs: tuple[Tensor, Tensor]) -> np.ndarray:
    mask, truth = pairs
    counts = Counts(*(count.numpy() for count in count_mask(mask, truth)))
    return dice(counts, truth.sum((1, 2, 3)).numpy())


def test_dice_of_ten_thousand_pairs_equals_brute_force(pairs, ours):
    wanted = []
    for mask, truth in zip(pairs[0].numpy(), pairs[1].numpy(), strict=True):
        drawn, true = set(np.flatnonzero(mask)), set(np.flatnonzero(truth))
        total = len(drawn) + len(true)
        wanted.append(2 * len(drawn & true) / total if total else 1.0)
    assert np.array_equal(ours, wanted)


def test_dice_of_ten_thousand_pairs_equals_monai(pairs, ours):
    from monai.metrics import DiceMetric

    metric = DiceMetric(ignore_empty=False, reduction="none")
    wanted = metric(y_pred=pairs[0].float(), y=pairs[1].float())[:, 0].numpy()
    assert np.abs(ours - wanted).max() < 1e-6


def test_mean_dice_of_ten_thousand_pairs_equals_smp_micro_imagewise(pairs, ours):
    from segmentation_models_pytorch.metrics import f1_score, get_stats

    stats = get_stats(pairs[0].long(), pairs[1].long(), mode="binary")
    wanted = f1_score(*stats, reduction="micro-imagewise", zero_division=1.0)
    assert ours.mean() == pytest.approx(wanted.item(), abs=1e-6)


@pytest.mark.parametrize(
    ("hits", "area", "truth_area", "wanted"),
    [(0, 0, 0, 1.0), (0, 9, 0, 0.0), (0, 0, 9, 0.0), (1, 4, 4, 0.25), (0, 4, 4, 0.0)],
    ids=["both empty", "false alarm", "miss", "overlap", "apart"],
)
def test_the_truth_table_of_dice(hits, area, truth_area, wanted):
    assert dice(Counts(np.array([hits]), np.array([area])), np.array([truth_area])) == [wanted]


@pytest.fixture(scope="module")
def probability() -> Tensor:
    """Every threshold, its two neighbours in float32, both ends, and random values."""
    grid = thresholds_of(100)
    edges = [np.nextafter(grid, np.float32(0)), grid, np.nextafter(grid, np.float32(1)), [0, 1]]
    values = torch.from_numpy(np.concatenate(edges).astype(np.float32))
    noise = torch.rand(3 * 24 * 32 - len(values), generator=torch.Generator().manual_seed(1))
    return torch.cat([values, noise]).reshape(3, 1, 24, 32)


@pytest.fixture(scope="module")
def truth() -> Tensor:
    return torch.rand(3, 1, 24, 32, generator=torch.Generator().manual_seed(2)) < 0.3


@pytest.mark.parametrize("steps", [20, 100, 200])
def test_counts_at_every_threshold_equal_masks_drawn_directly(probability, truth, steps):
    hits, area = count_hits(probability, truth, steps=steps)
    for k in range(1, steps):
        wanted = count_mask(probability >= k / steps, truth)
        assert torch.equal(hits[:, k - 1], wanted[0]), k
        assert torch.equal(area[:, k - 1], wanted[1]), k


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_counts_the_same(probability, truth):
    on_gpu = count_hits(probability.cuda(), truth.cuda())
    for ours, wanted in zip(on_gpu, count_hits(probability, truth), strict=True):
        assert torch.equal(ours.cpu(), wanted)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_counts_as_the_same_values_in_float32(probability, truth, dtype):
    half = probability.to(dtype)
    for ours, wanted in zip(count_hits(half, truth), count_hits(half.float(), truth), strict=True):
        assert torch.equal(ours, wanted)


def test_counts_of_a_batch_equal_those_of_its_frames(probability, truth):
    alone = [count_hits(probability[k : k + 1], truth[k : k + 1]) for k in range(3)]
    for together, apart in zip(
        count_hits(probability, truth), zip(*alone, strict=True), strict=True
    ):
        assert torch.equal(together, torch.cat(apart))


def test_full_masks_at_native_size_do_not_overflow():
    full = torch.ones(2, 1, 420, 580)
    hits, area = count_hits(full.half(), full.bool())
    assert hits.dtype == area.dtype == torch.int64
    assert (hits == 420 * 580).all()
    assert (area == 420 * 580).all()
    narrow = Counts(np.array([2**31 - 1], np.int32), np.array([2**31 - 1], np.int32))
    assert dice(narrow, np.array([2**31 - 1], np.int32)) == [1.0]


def test_values_outside_0_1_count_as_a_mask_would(truth):
    probability = torch.linspace(-3, 4, truth.numel()).reshape(truth.shape)
    hits, area = count_hits(probability, truth)
    wanted = count_mask(probability >= 0.5, truth)
    assert torch.equal(hits[:, 49], wanted[0])
    assert torch.equal(area[:, 49], wanted[1])
