"""What stage 2 minimises: mask logits against masks, chosen by name in conf/loss."""

import segmentation_models_pytorch as smp
import torch
from torch import Tensor, nn
from torch.nn import functional

from nerveceg.errors import NerveCegError


class BceDice(nn.Module):
    """Weighted sum of binary cross-entropy a pixel and soft Dice loss a frame.

    Dice is taken of each frame, then averaged, as Kaggle scores it; smp's sums over the batch.
    An empty frame drawn empty costs nothing, and what is drawn on it costs by both parts.
    """

    def __init__(self, *, bce: float = 0.5, dice: float = 0.5) -> None:
        super().__init__()
        self.bce = bce
        self.dice = dice

    def forward(self, logit: Tensor, mask: Tensor) -> Tensor:
        """Logits and masks in {0, 1}, both [N, 1, H, W], to the mean loss, float32 []."""
        logit, mask = _checked(logit, mask)
        bce = functional.binary_cross_entropy_with_logits(logit, mask)
        return self.bce * bce + self.dice * soft_dice_loss(logit, mask).mean()


class DiceFocal(nn.Module):
    """Weighted sum of soft Dice loss a frame and focal loss a pixel (Lin 2017).

    gamma: power of the chance missed, by which a pixel's cross-entropy is weighed; 0 weighs none.
    """

    def __init__(self, *, dice: float = 1.0, focal: float = 1.0, gamma: float = 2.0) -> None:
        super().__init__()
        self.dice = dice
        self.focal = focal
        self._focal_loss = smp.losses.FocalLoss("binary", gamma=gamma)

    def forward(self, logit: Tensor, mask: Tensor) -> Tensor:
        """Logits and masks in {0, 1}, both [N, 1, H, W], to the mean loss, float32 []."""
        logit, mask = _checked(logit, mask)
        focal: Tensor = self._focal_loss(logit, mask)
        return self.dice * soft_dice_loss(logit, mask).mean() + self.focal * focal


class SmpLoss(nn.Module):
    """A loss of smp on logits of any float dtype and masks of bool or float."""

    def __init__(self, loss: nn.Module) -> None:
        super().__init__()
        self.loss = loss

    def forward(self, logit: Tensor, mask: Tensor) -> Tensor:
        """Logits and masks in {0, 1}, both [N, 1, H, W], to the mean loss, float32 []."""
        loss: Tensor = self.loss(*_checked(logit, mask))
        return loss


def soft_dice_loss(logit: Tensor, mask: Tensor) -> Tensor:
    """1 - (2 |P M| + 1) / (|P| + |M| + 1) of each frame, float32 [N].

    V-Net's soft Dice (Milletari 2016, equation 3) with plain sums below. The pixel added above
    and below defines empty on empty as no loss.
    """
    chance = logit.sigmoid().flatten(1)
    truth = mask.flatten(1)
    shared = (chance * truth).sum(1)
    return 1 - (2 * shared + 1) / (chance.sum(1) + truth.sum(1) + 1)


def dice() -> SmpLoss:
    """Dice loss of smp: one Dice over the whole batch, zero with zero gradient if it is empty."""
    return SmpLoss(smp.losses.DiceLoss("binary", from_logits=True))


def jaccard() -> SmpLoss:
    """Jaccard (IoU) loss of smp: over the whole batch, zero with zero gradient if it is empty."""
    return SmpLoss(smp.losses.JaccardLoss("binary", from_logits=True))


def tversky(*, alpha: float = 0.3, beta: float = 0.7) -> SmpLoss:
    """Tversky loss (Salehi 2017): `alpha` weighs false positives, `beta` misses."""
    return focal_tversky(alpha=alpha, beta=beta, gamma=1.0)


def focal_tversky(*, alpha: float = 0.3, beta: float = 0.7, gamma: float = 4 / 3) -> SmpLoss:
    """(1 - Tversky index) ** gamma; above 1 it looks at the batches drawn worst.

    Abraham and Khan (2019) write the exponent as 1 / gamma.

    Raises:
        NerveCegError: an exponent below 1.
    """
    if gamma < 1:
        # smp's loss of a batch without nerve is 0, where that power's gradient is not a number.
        raise NerveCegError(
            f"focal Tversky with gamma={gamma} breaks on empty masks: give 1 or more"
        )
    return SmpLoss(
        smp.losses.TverskyLoss("binary", from_logits=True, alpha=alpha, beta=beta, gamma=gamma)
    )


def lovasz() -> SmpLoss:
    """Lovasz hinge (Berman 2018) of each frame, averaged; confident mistakes cost without bound."""
    return SmpLoss(smp.losses.LovaszLoss("binary", per_image=True, from_logits=True))


def _checked(logit: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    # A mask without its channel would broadcast in silence to [N, N, H, W].
    if logit.shape != mask.shape or logit.ndim != 4 or logit.shape[1] != 1:
        shapes = f"{list(logit.shape)} and mask {list(mask.shape)}"
        raise ValueError(f"logit {shapes}: both must be [N, 1, H, W]")
    # float32: sums over a frame overflow half precision.
    return logit.to(torch.float32), mask.to(torch.float32)
