import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from monai.metrics import DiceMetric
from PIL import Image

from nerveceg.data.dataset import Batch, FrameDataset
from nerveceg.data.frames import Frame
from nerveceg.data.geometry import Geometry
from nerveceg.errors import NerveCegError
from nerveceg.training.losses import BceDice, dice
from nerveceg.training.objectives import MaskObjective, PresenceObjective


@pytest.fixture(scope="module")
def make_dataset(tmp_path_factory):
    """Frames of 8 x 8 pixels from a string: + shows the nerve, - doesn't."""
    folder = tmp_path_factory.mktemp("frames")
    Image.fromarray(np.full((8, 8), 90, np.uint8)).save(folder / "1_1.png")

    def make(signs):
        frames = [
            Frame(str(place), "1", folder / "1_1.png", "1 4" if sign == "+" else "")
            for place, sign in enumerate(signs)
        ]
        return FrameDataset(frames, geometry=Geometry(size=(8, 8)), progress=False)

    return make


def batch_of(mask, present=None):
    count = len(mask)
    present = mask.flatten(1).any(1).float() if present is None else present
    weight = torch.ones(count)
    return Batch(torch.zeros(mask.shape), mask, present, torch.arange(count), present, weight)


def judge_in_batches(objective, output, batch, size):
    parts = []
    for start in range(0, len(output), size):
        part = Batch(*(column[start : start + size] for column in batch))
        parts.append(objective.judge(output[start : start + size], part))
    return torch.cat(parts)


@given(
    st.lists(st.tuples(st.booleans(), st.integers(-6, 6)), min_size=2, max_size=40).filter(
        lambda pairs: len({present for present, _ in pairs}) == 2
    )
)
def test_auroc_is_the_share_of_pairs_in_the_right_order_and_ties_count_half(pairs):
    judged = torch.tensor([[logit, present] for present, logit in pairs], dtype=torch.float32)
    nerve = [logit for present, logit in pairs if present]
    none = [logit for present, logit in pairs if not present]
    won = sum((a > b) + 0.5 * (a == b) for a in nerve for b in none)
    assert PresenceObjective().scores(judged)["auroc"] == pytest.approx(
        won / (len(nerve) * len(none))
    )


@given(st.lists(st.tuples(st.booleans(), st.floats(-30, 30, width=32)), min_size=1))
def test_the_log_likelihood_is_that_of_each_frame_averaged(pairs):
    judged = torch.tensor([[logit, present] for present, logit in pairs])
    expected = [-math.log1p(math.exp(-x if present else x)) for present, x in pairs]
    found = PresenceObjective().scores(judged)["log_likelihood"]
    assert found == pytest.approx(sum(expected) / len(expected), abs=1e-6)


def test_one_class_alone_has_no_order():
    judged = torch.tensor([[0.3, 1.0], [2.0, 1.0]])
    assert PresenceObjective().scores(judged)["auroc"] == 0.5


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_label_smoothing_moves_targets_towards_a_half(smoothing):
    present = torch.tensor([1.0, 0.0, 1.0])
    logit = torch.tensor([0.5, -2.0, 3.0])
    batch = batch_of(torch.zeros(3, 1, 2, 2, dtype=torch.bool), present)
    loss = PresenceObjective(label_smoothing=smoothing).loss(logit, batch).item()
    expected = 0.0
    for x, y in zip(logit.tolist(), present.tolist(), strict=True):
        target, chance = y * (1 - smoothing) + smoothing / 2, 1 / (1 + math.exp(-x))
        expected -= (target * math.log(chance) + (1 - target) * math.log(1 - chance)) / 3
    assert loss == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("signs", ["++++", "---"])
def test_a_gate_cannot_learn_from_one_class(make_dataset, signs):
    with pytest.raises(NerveCegError, match="with and without") as caught:
        PresenceObjective().sampler(make_dataset(signs), seed=0)
    assert str(len(signs)) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_gate_sees_and_is_scored_on_every_frame(make_dataset):
    dataset = make_dataset("+-+--")
    objective = PresenceObjective()
    assert sorted(place for _, place in objective.sampler(dataset, seed=0)) == [0, 1, 2, 3, 4]
    assert list(objective.validation_places(dataset)) == [0, 1, 2, 3, 4]


@given(st.integers(0, 2**32 - 1), st.integers(1, 9))
def test_dice_is_taken_of_each_frame_and_then_averaged_whatever_the_batches(seed, size):
    random = torch.Generator().manual_seed(seed)
    masks = torch.rand(7, 1, 6, 8, generator=random) < torch.rand(7, 1, 1, 1, generator=random)
    masks[:, :, 0, 0] = True
    output = torch.randn(7, 1, 6, 8, generator=random)
    objective = MaskObjective(loss=BceDice())
    score = objective.scores(judge_in_batches(objective, output, batch_of(masks), size))["dice"]
    drawn = output.sigmoid() > 0.5
    each = [
        2 * (d & m).sum().item() / (d.sum() + m.sum()).item()
        for d, m in zip(drawn, masks, strict=True)
    ]
    assert score == pytest.approx(sum(each) / 7)
    assert score == pytest.approx(DiceMetric()(drawn.float(), masks.float()).mean().item())


def test_a_nerve_that_the_resize_lost_scores_1_if_nothing_is_drawn_and_0_else():
    objective = MaskObjective(loss=BceDice())
    masks = torch.zeros(2, 1, 4, 4, dtype=torch.bool)
    output = torch.full((2, 1, 4, 4), -1.0)
    output[1, 0, 0, 0] = 1
    judged = objective.judge(output, batch_of(masks, torch.ones(2)))
    assert objective.scores(judged)["dice"] == 0.5


@pytest.mark.parametrize("objective", [PresenceObjective(), MaskObjective(loss=BceDice())])
def test_every_named_metric_is_scored(objective):
    batch = batch_of(torch.eye(4, dtype=torch.bool)[None, None].expand(3, 1, 4, 4))
    output = torch.randn(3) if isinstance(objective, PresenceObjective) else batch.image - 1
    assert tuple(objective.scores(objective.judge(output, batch))) == objective.metrics


def test_the_loss_sees_logits_and_masks_of_float32():
    seen = []

    def loss(logit, mask):
        seen.extend([logit, mask])
        return logit.mean()

    batch = batch_of(torch.rand(2, 1, 4, 4) > 0.5)
    output = torch.randn(2, 1, 4, 4).mul(5).bfloat16()
    MaskObjective(loss=loss).loss(output, batch)
    assert torch.equal(seen[0], output.float())
    assert torch.equal(seen[1], batch.mask.float())
    assert seen[0].dtype == seen[1].dtype == torch.float32


def test_the_segmenter_learns_from_frames_with_nerve_alone(make_dataset):
    dataset = make_dataset("-++-+")
    objective = MaskObjective(loss=BceDice())
    assert sorted(place for _, place in objective.sampler(dataset, seed=0)) == [1, 2, 4]
    assert list(objective.validation_places(dataset)) == [1, 2, 4]


def test_a_segmenter_without_a_gate_learns_from_and_is_scored_on_every_frame(make_dataset):
    dataset = make_dataset("-++-+--")
    objective = MaskObjective(loss=BceDice(), frames="all")
    sampler = objective.sampler(dataset, seed=0)
    assert all(sorted(places) == [*range(7)] for places in shown(sampler, epochs=3))
    assert list(objective.validation_places(dataset)) == [*range(7)]


def test_a_segmenter_without_a_gate_scores_empty_frames_by_kaggles_dice():
    masks = torch.zeros(4, 1, 4, 4, dtype=torch.bool)
    masks[2:, 0, :2, :2] = True
    output = torch.full((4, 1, 4, 4), -1.0)
    output[1, 0, 0, 0] = output[3, 0, 0, 0] = 1
    objective = MaskObjective(loss=BceDice(), frames="all")
    judged = judge_in_batches(objective, output, batch_of(masks), 3)
    # Empty called empty, empty called nerve, a miss, one pixel of four found.
    assert objective.scores(judged)["dice"] == pytest.approx((1 + 0 + 0 + 2 / 5) / 4)
    assert objective.scores(judged)["iou"] == pytest.approx((1 + 0 + 0 + 1 / 4) / 4)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"frames": "negatives"}, "seg.objective.frames=negatives: positives or all"),
        ({"frames": "all", "negatives": 0.2}, "seg.objective.negatives=0.2 beside frames=all"),
    ],
)
def test_a_choice_of_frames_that_makes_no_sense_is_one_line(options, named):
    with pytest.raises(NerveCegError, match=named) as caught:
        MaskObjective(loss=BceDice(), **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("frames", ["positives", "all"])
def test_without_a_nerve_the_segmenter_has_nothing_to_learn(make_dataset, frames):
    with pytest.raises(NerveCegError, match="none of 3"):
        MaskObjective(loss=BceDice(), frames=frames).sampler(make_dataset("---"), seed=0)


def shown(sampler, epochs=60):
    seen = []
    for epoch in range(epochs):
        sampler.set_epoch(epoch)
        seen.append([place for _, place in sampler])
    return seen


def test_hard_negatives_come_from_the_fifth_that_looks_most_like_the_nerve(make_dataset):
    dataset = make_dataset("+" * 8 + "-" * 20)
    hardness = torch.zeros(28)
    hardness[:8] = 99
    hardness[[9, 14, 20, 27]] = torch.tensor([0.5, 0.9, 0.7, 0.6])
    objective = MaskObjective(loss=BceDice(), negatives=0.25, hardness=hardness)
    negatives = [
        {place for place in places if place >= 8}
        for places in shown(objective.sampler(dataset, seed=0))
    ]
    assert all(len(places) == 2 for places in negatives)
    assert set.union(*negatives) == {9, 14, 20, 27}


def test_without_hardness_negatives_come_from_all(make_dataset):
    dataset = make_dataset("+" * 8 + "-" * 10)
    sampler = MaskObjective(loss=BceDice(), negatives=0.5).sampler(dataset, seed=0)
    assert len(sampler) == 12
    assert {place for places in shown(sampler) for place in places} == set(range(18))


def test_a_wish_for_negatives_where_there_are_none_is_no_error(make_dataset):
    objective = MaskObjective(loss=BceDice(), negatives=1.0, hardness=torch.zeros(3))
    assert len(objective.sampler(make_dataset("+++"), seed=0)) == 3


def test_the_gate_aims_at_soft_targets_and_weighs_frames():
    batch = batch_of(torch.zeros(3, 1, 2, 2, dtype=torch.bool), torch.tensor([1.0, 0.0, 1.0]))
    batch = batch._replace(
        target=torch.tensor([0.7, 0.25, 1.0]), weight=torch.tensor([1.0, 0.3, 0.3])
    )
    logit = [0.5, -2.0, 3.0]
    expected = 0.0
    for x, y, w in zip(logit, batch.target.tolist(), batch.weight.tolist(), strict=True):
        chance = 1 / (1 + math.exp(-x))
        expected -= w * (y * math.log(chance) + (1 - y) * math.log(1 - chance)) / 3
    loss = PresenceObjective(label_smoothing=0.0).loss(torch.tensor(logit), batch)
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_the_gate_is_scored_on_presence_whatever_the_target():
    batch = batch_of(torch.zeros(3, 1, 2, 2, dtype=torch.bool), torch.tensor([1.0, 0.0, 1.0]))
    soft = batch._replace(target=torch.full((3,), 0.5), weight=torch.zeros(3))
    output = torch.tensor([0.3, -1.0, 2.0])
    judged = [PresenceObjective().judge(output, each) for each in (batch, soft)]
    assert torch.equal(*judged)


def test_the_segmenter_weighs_frames_also_where_a_loss_is_not_a_mean_over_them():
    random = torch.Generator().manual_seed(1)
    masks = torch.rand(5, 1, 6, 8, generator=random) > 0.5
    output = torch.randn(5, 1, 6, 8, generator=random)
    weight = torch.tensor([0.3, 1.0, 0.3, 1.0, 1.0])
    batch = batch_of(masks)._replace(weight=weight)
    mean, whole = BceDice(), dice()
    each = torch.stack([mean(output[n : n + 1], masks[n : n + 1]) for n in range(5)])
    assert MaskObjective(loss=mean).loss(output, batch).item() == pytest.approx(
        (weight * each).mean().item(), rel=1e-5
    )
    doubted = weight < 1
    expected = 0.3 * 2 / 5 * whole(output[doubted], masks[doubted])
    expected += 3 / 5 * whole(output[~doubted], masks[~doubted])
    found = MaskObjective(loss=whole).loss(output, batch)
    assert found.item() == pytest.approx(expected.item(), rel=1e-6)


@pytest.mark.parametrize("objective", [PresenceObjective(), MaskObjective(loss=BceDice())])
@pytest.mark.parametrize("change", [{"target": [0.9, 0, 1]}, {"weight": [1, 0.3, 1]}])
def test_frames_with_changed_labels_can_teach_but_not_validate(make_dataset, objective, change):
    frames = make_dataset("+-+").frames
    column, values = next(iter(change.items()))
    changed = FrameDataset(
        frames,
        geometry=Geometry(size=(8, 8)),
        progress=False,
        **{column: np.array(values, np.float32)},
    )
    assert len(objective.sampler(changed, seed=0)) in (2, 3)
    with pytest.raises(NerveCegError, match="data.conflicts is for training frames") as caught:
        objective.validation_places(changed)
    assert "\n" not in str(caught.value)
