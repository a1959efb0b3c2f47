from pathlib import Path

import pytest
import segmentation_models_pytorch as smp
import torch
import yaml

from nerveceg.errors import NerveCegError
from nerveceg.training import losses
from nerveceg.training.losses import BceDice, DiceFocal

BOUNDED = {
    "dice": losses.dice(),
    "jaccard": losses.jaccard(),
    "tversky": losses.tversky(),
    "focal_tversky": losses.focal_tversky(),
}
ALL = {
    "bce_dice": BceDice(),
    "strict_dice": BceDice(bce=0, dice=1),
    "dice_focal": DiceFocal(),
    **BOUNDED,
    "lovasz": losses.lovasz(),
}
CONF = Path(__file__).parents[2] / "conf" / "loss"


def frames(*, empty=()):
    torch.manual_seed(0)
    mask = torch.zeros(3, 1, 24, 32, dtype=torch.bool)
    for index in range(3):
        if index not in empty:
            mask[index, :, 4 : 10 + 4 * index, 6:20] = True
    return mask


def sure(mask):
    return torch.where(mask, 30.0, -30.0)


@pytest.mark.parametrize("name", ALL)
def test_confident_right_logits_cost_nothing(name):
    mask = frames()
    assert ALL[name](sure(mask), mask).item() == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize("name", BOUNDED)
def test_confident_wrong_logits_cost_the_most(name):
    mask = frames()
    assert BOUNDED[name](sure(~mask), mask).item() == pytest.approx(1, abs=1e-4)


def test_bce_and_lovasz_grow_with_wrong_confidence():
    mask = frames()
    assert BceDice()(sure(~mask), mask).item() == pytest.approx(0.5 * 30 + 0.5, abs=1e-3)
    assert ALL["lovasz"](sure(~mask), mask).item() == pytest.approx(31, abs=1e-3)


@pytest.mark.parametrize("name", ALL)
def test_a_loss_takes_logits_and_not_probabilities(name):
    # The chances .01 and .99, given as themselves, must cost far more than their logits.
    mask = frames()
    chance = torch.where(mask, 0.99, 0.01)
    as_logits, as_chances = ALL[name](chance.logit(), mask), ALL[name](chance, mask)
    assert as_logits < 0.06
    assert as_chances > 5 * as_logits
    assert as_chances > 0.2


@pytest.mark.parametrize("name", ALL)
def test_bool_and_float_masks_half_and_single_logits_agree(name):
    mask = frames()
    logit = torch.randn(mask.shape).bfloat16()
    wanted = ALL[name](logit.float(), mask.float())
    assert wanted.dtype == torch.float32
    assert wanted.ndim == 0
    assert torch.equal(ALL[name](logit, mask), wanted)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("empty", [(), (1,), (0, 1, 2)])
def test_gradients_are_finite_whatever_frames_are_empty(name, empty):
    mask = frames(empty=empty)
    logit = torch.randn(mask.shape, requires_grad=True)
    ALL[name](logit, mask).backward()
    assert torch.isfinite(logit.grad).all()


def test_bce_dice_pushes_down_what_is_drawn_on_empty_frames():
    mask = frames(empty=(0, 1, 2))
    logit = torch.full(mask.shape, 2.0, requires_grad=True)
    BceDice()(logit, mask).backward()
    assert (logit.grad > 0).all()


def test_dice_alone_learns_nothing_from_empty_frames():
    mask = frames(empty=(0, 1, 2))
    logit = torch.full(mask.shape, 2.0, requires_grad=True)
    losses.dice()(logit, mask).backward()
    assert not logit.grad.any()


def test_bce_dice_is_the_mean_over_frames_and_not_one_dice_of_the_batch():
    mask = frames()
    logit = torch.randn(mask.shape)
    one_by_one = [BceDice()(logit[[n]], mask[[n]]) for n in range(3)]
    assert BceDice()(logit, mask).item() == pytest.approx(torch.stack(one_by_one).mean().item())
    batch = smp.losses.DiceLoss("binary")(logit, mask.float())
    assert BceDice(bce=0, dice=1)(logit, mask).item() != pytest.approx(batch.item(), abs=1e-3)


def test_soft_dice_of_one_frame_is_that_of_smp_with_one_pixel_of_smoothing():
    mask = frames()[[1]]
    logit = torch.randn(mask.shape)
    # smp adds `smooth` to the hits, which Dice counts twice.
    wanted = smp.losses.DiceLoss("binary", smooth=0.5)(logit, mask.float())
    assert BceDice(bce=0, dice=1)(logit, mask).item() == pytest.approx(wanted.item(), abs=1e-6)


def test_dice_focal_is_that_of_monai_with_one_pixel_of_smoothing():
    from monai.losses import DiceFocalLoss

    mask = frames(empty=(1,))
    logit = torch.randn(mask.shape)
    for dice, focal, gamma in ((1, 1, 2), (0.5, 20, 1)):
        monai = DiceFocalLoss(
            sigmoid=True,
            smooth_nr=1,
            smooth_dr=1,
            gamma=gamma,
            lambda_dice=dice,
            lambda_focal=focal,
        )
        ours = DiceFocal(dice=dice, focal=focal, gamma=gamma)
        assert ours(logit, mask).item() == pytest.approx(monai(logit, mask.float()).item())


def test_batch_dice_pools_frames_that_strict_dice_scores_one_by_one():
    from monai.losses import DiceLoss

    mask = frames(empty=(1,))
    logit = torch.randn(mask.shape)
    pooled = smp.metrics.get_stats((logit > 0).long(), mask.long(), mode="binary")
    hard = torch.where(logit > 0, 30.0, -30.0)
    batch = 1 - smp.metrics.f1_score(*pooled, reduction="micro").item()
    assert losses.dice()(hard, mask).item() == pytest.approx(batch, abs=1e-4)
    strict = DiceLoss(sigmoid=True, smooth_nr=1, smooth_dr=1, batch=False)
    assert ALL["strict_dice"](logit, mask).item() == pytest.approx(
        strict(logit, mask.float()).item()
    )


def test_tversky_weighs_misses_by_beta_and_false_pixels_by_alpha():
    mask = frames()
    too_small, too_large = mask.clone(), mask.clone()
    too_small[0, 0, 4:6, 6:20] = False
    too_large[0, 0, 2:4, 6:20] = True
    hit, off = mask.sum().item(), 28
    missed, added = (losses.tversky()(sure(drawn), mask) for drawn in (too_small, too_large))
    assert missed.item() == pytest.approx(1 - (hit - off) / (hit - off + 0.7 * off), abs=1e-5)
    assert added.item() == pytest.approx(1 - hit / (hit + 0.3 * off), abs=1e-5)


def test_focal_tversky_is_a_power_of_tversky():
    mask = frames()
    logit = torch.randn(mask.shape)
    plain, focal = losses.tversky()(logit, mask), losses.focal_tversky(gamma=2)(logit, mask)
    assert focal.item() == pytest.approx(plain.item() ** 2)


def test_an_exponent_that_breaks_on_empty_masks_is_refused():
    with pytest.raises(NerveCegError, match=r"gamma=0\.75 breaks on empty masks: give 1 or more"):
        losses.focal_tversky(gamma=0.75)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("shape", [(3, 24, 32), (3, 2, 24, 32), (1, 1, 24, 32)])
def test_a_mask_that_is_not_one_channel_beside_its_logits_is_refused(name, shape):
    with pytest.raises(ValueError, match="both must be"):
        ALL[name](torch.zeros(3, 1, 24, 32), torch.zeros(shape))


def test_every_loss_in_conf_names_its_maker_with_arguments_it_takes():
    files = {path.stem: path for path in CONF.glob("*.yaml")}
    assert files.keys() == ALL.keys()
    for name, path in files.items():
        arguments = yaml.safe_load(path.read_text())
        module, _, maker = arguments.pop("_target_").rpartition(".")
        assert module == losses.__name__
        mask = frames()
        logit = torch.randn(mask.shape)
        made = getattr(losses, maker)(**arguments)
        assert made(logit, mask).item() == pytest.approx(ALL[name](logit, mask).item(), abs=1e-4)
