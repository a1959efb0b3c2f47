"""What a stage learns from a batch, which frames it learns from, and how it is scored."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from nerveceg.data.dataset import Batch, FrameDataset
from nerveceg.data.sampling import EpochSampler
from nerveceg.errors import NerveCegError

Scores = dict[str, float]


class Objective(Protocol):
    """What `fit` needs to know of a stage."""

    metrics: tuple[str, ...]

    def sampler(self, dataset: FrameDataset, *, seed: int) -> EpochSampler:
        """The frames of a training epoch."""

    def validation_places(self, dataset: FrameDataset) -> Sequence[int]:
        """The frames that the stage is scored on."""

    def loss(self, output: Any, batch: Batch) -> Tensor:
        """Mean loss of a batch, float32 []."""

    def judge(self, output: Any, batch: Batch) -> Tensor:
        """What the scores need of each frame, float32 [N, columns]."""

    def scores(self, judged: Tensor) -> Scores:
        """Every metric, the higher the better, of all judged frames together."""


class PresenceObjective:
    """Stage 1 learns from every frame whether it shows the nerve.

    label_smoothing: share by which targets move towards one half.
    """

    metrics = ("auroc", "log_likelihood")

    def __init__(self, *, label_smoothing: float = 0.03) -> None:
        self._smoothing = label_smoothing

    def sampler(self, dataset: FrameDataset, *, seed: int) -> EpochSampler:
        """Every frame once an epoch."""
        if len(set(dataset.present.tolist())) < 2:
            raise NerveCegError(
                f"all {len(dataset)} training frames are of one class: the gate needs frames "
                "with and without the nerve"
            )
        return EpochSampler(range(len(dataset)), seed=seed, shuffled=dataset.shuffled)

    def validation_places(self, dataset: FrameDataset) -> Sequence[int]:
        """Every frame."""
        _require_truth(dataset)
        return range(len(dataset))

    def loss(self, output: Tensor, batch: Batch) -> Tensor:
        """Cross entropy of logits, float32 [N], with smoothed targets; frames by their weight."""
        target = batch.target * (1 - self._smoothing) + 0.5 * self._smoothing
        return functional.binary_cross_entropy_with_logits(
            output.float(), target, weight=batch.weight
        )

    def judge(self, output: Tensor, batch: Batch) -> Tensor:
        """Logit and truth of each frame."""
        return torch.stack([output.float(), batch.present], dim=1)

    def scores(self, judged: Tensor) -> Scores:
        """Area under the ROC curve (.5 where only one class is there), mean log-likelihood."""
        from sklearn.metrics import roc_auc_score

        logit, present = judged.double().unbind(dim=1)
        both = bool(present.min() < present.max())
        auroc = float(roc_auc_score(present.numpy(), logit.numpy())) if both else 0.5
        entropy = functional.binary_cross_entropy_with_logits(logit, present)
        return {"auroc": auroc, "log_likelihood": -entropy.item()}


class MaskObjective:
    """Stage 2 learns contours from the frames that show the nerve, or from all.

    frames: positives, where a gate goes before; all for a segmenter that is to leave the frames
        without nerve empty by itself. Scores are of the same frames.
    loss: of logits, float32 [N, 1, h, w], against masks of the same shape.
    negatives: frames without nerve in an epoch, as a share of those with it; drawn anew each
        epoch from the hardest fifth.
    hardness: of every training frame, float [F]; which negatives look most like the nerve (stage
        1's presence, say). None draws from all.
    """

    metrics = ("dice", "iou")

    def __init__(
        self,
        *,
        loss: Callable[[Tensor, Tensor], Tensor],
        frames: str = "positives",
        negatives: float = 0.0,
        hardness: Tensor | None = None,
    ) -> None:
        self._loss = loss
        if frames not in ("positives", "all"):
            raise NerveCegError(f"seg.objective.frames={frames}: positives or all is wanted")
        if frames == "all" and negatives:
            raise NerveCegError(
                f"seg.objective.negatives={negatives} beside frames=all: all frames without nerve "
                "are in already; take negatives=0"
            )
        self._frames = frames
        self._negatives = negatives
        self.hardness = hardness

    def sampler(self, dataset: FrameDataset, *, seed: int) -> EpochSampler:
        """Every frame with nerve once an epoch, and the share of negatives."""
        positives = np.flatnonzero(dataset.present.numpy() > 0)
        if not positives.size:
            raise NerveCegError(
                f"none of {len(dataset)} training frames shows the nerve: the segmenter needs some"
            )
        if self._frames == "all":
            return EpochSampler(range(len(dataset)), seed=seed, shuffled=dataset.shuffled)
        wanted = round(self._negatives * len(positives))
        return EpochSampler(
            positives.tolist(),
            seed=seed,
            extra=self._hard_negatives(dataset, wanted),
            extra_count=wanted,
            shuffled=dataset.shuffled,
        )

    def validation_places(self, dataset: FrameDataset) -> Sequence[int]:
        """The frames with nerve, or all."""
        _require_truth(dataset)
        if self._frames == "all":
            return range(len(dataset))
        return [int(place) for place in np.flatnonzero(dataset.present.numpy() > 0)]

    def loss(self, output: Tensor, batch: Batch) -> Tensor:
        """The chosen loss of logits, float32 [N, 1, h, w].

        Frames of one weight make one loss, since not every loss is a mean over frames; the losses
        are averaged by frame and weight.
        """
        logit, mask = output.float(), batch.mask.float()
        weights = sorted(set(batch.weight.tolist()))
        if weights == [1.0]:
            return self._loss(logit, mask)
        groups = [(weight, batch.weight == weight) for weight in weights]
        losses = [
            weight * group.float().mean() * self._loss(logit[group], mask[group])
            for weight, group in groups
        ]
        return torch.stack(losses).sum()

    def judge(self, output: Tensor, batch: Batch) -> Tensor:
        """Hits, area and true area of each frame at probability .5."""
        drawn = output > 0
        pairs = (drawn & batch.mask, drawn, batch.mask)
        return torch.stack([pixels.flatten(1).sum(1) for pixels in pairs], dim=1).float()

    def scores(self, judged: Tensor) -> Scores:
        """Means over frames of Dice and of IoU at the networks' size; both empty is 1.

        The truth is empty where a crop or a resize lost a small nerve.
        """
        hits, area, truth = judged.double().unbind(dim=1)
        total = area + truth
        dice = torch.where(total == 0, 1.0, 2 * hits / total)
        return {"dice": dice.mean().item(), "iou": (dice / (2 - dice)).mean().item()}

    def _hard_negatives(self, dataset: FrameDataset, wanted: int) -> list[int]:
        negatives = np.flatnonzero(dataset.present.numpy() == 0)
        if self.hardness is None:
            return [int(place) for place in negatives]
        hardest_first = negatives[np.argsort(-self.hardness.numpy()[negatives], kind="stable")]
        return [int(place) for place in hardest_first[: max(wanted, len(negatives) // 5)]]


def _require_truth(dataset: FrameDataset) -> None:
    if not dataset.is_true:
        raise NerveCegError(
            "validation frames with changed labels would score a run by its own corrections: "
            "data.conflicts is for training frames alone"
        )
