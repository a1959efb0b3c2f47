"""What a network of two heads learns: presence and mask of every frame at once."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from nerveceg.data.dataset import Batch, FrameDataset
from nerveceg.data.sampling import EpochSampler
from nerveceg.models.two_heads import Output, TwoHeads
from nerveceg.training.objectives import MaskObjective, PresenceObjective, Scores

MASK_COLUMNS = 3
"""Of what is judged: hits, area and true area; presence follows."""


class TwoHeadObjective:
    """Both stages learn from every frame through one network.

    loss: of mask logits, float32 [N, 1, h, w], against masks of the same shape.
    presence: weight of the cross entropy of presence beside it.
    """

    metrics = ("dice", "iou", "auroc", "log_likelihood")

    def __init__(self, *, loss: Callable[[Tensor, Tensor], Tensor], presence: float = 0.5) -> None:
        self._mask = MaskObjective(loss=loss, frames="all")
        self._gate = PresenceObjective(label_smoothing=0.0)
        self._weight = presence

    def sampler(self, dataset: FrameDataset, *, seed: int) -> EpochSampler:
        """Every frame once an epoch."""
        return self._gate.sampler(dataset, seed=seed)

    def validation_places(self, dataset: FrameDataset) -> Sequence[int]:
        """Every frame."""
        return self._gate.validation_places(dataset)

    def loss(self, output: Output, batch: Batch) -> Tensor:
        """Loss of the mask, and that of presence by its weight."""
        assert isinstance(output, TwoHeads)  # noqa: S101
        gate = self._gate.loss(output.presence, batch)
        return self._mask.loss(output.mask, batch) + self._weight * gate

    def judge(self, output: Output, batch: Batch) -> Tensor:
        """Counts of the mask, empty where presence is below .5; logit and truth of presence."""
        assert isinstance(output, TwoHeads)  # noqa: S101
        passed = (output.presence > 0)[:, None, None, None]
        drawn = output.mask.masked_fill(~passed, -torch.inf)
        gate = self._gate.judge(output.presence, batch)
        return torch.cat([self._mask.judge(drawn, batch), gate], dim=1)

    def scores(self, judged: Tensor) -> Scores:
        """The scores of both stages."""
        mask, gate = judged[:, :MASK_COLUMNS], judged[:, MASK_COLUMNS:]
        return {**self._mask.scores(mask), **self._gate.scores(gate)}
