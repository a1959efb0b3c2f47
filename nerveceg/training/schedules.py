"""How the learning rate goes over the updates of a run."""

from typing import Any

from timm.scheduler.cosine_lr import CosineLRScheduler
from timm.scheduler.scheduler import Scheduler
from timm.scheduler.step_lr import StepLRScheduler
from torch.optim import Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau


def cosine(
    optimizer: Optimizer, *, updates: int, warm_up: float = 0.05, final: float = 0.0
) -> Scheduler:
    """Linear warm-up, then half a cosine (Loshchilov & Hutter, SGDR, 2017).

    updates: of the whole run. warm_up: share of them. final: last rate as a share of the first.
    """
    rate = optimizer.param_groups[0]["lr"]
    rising = round(warm_up * updates)
    return CosineLRScheduler(
        optimizer,
        t_initial=max(updates, 1),
        lr_min=final * rate,
        warmup_t=rising,
        warmup_lr_init=rate / (rising + 1),
        t_in_epochs=False,
    )


def constant(optimizer: Optimizer, *, updates: int) -> Scheduler:
    """The optimiser's own rate throughout; updates: of the whole run."""
    return StepLRScheduler(optimizer, decay_t=max(updates, 1), decay_rate=1, t_in_epochs=False)


def plateau(
    optimizer: Optimizer, *, updates: int, factor: float, patience: int, final: float = 0.0
) -> Scheduler:
    """Times `factor` where the validation score has not risen for more than `patience` epochs.

    updates: of the whole run; unused, since the score alone decides. final: lowest rate as a share
    of the first.
    """
    return Plateau(optimizer, factor=factor, patience=patience, final=final)


class Plateau(Scheduler):
    """PyTorch's ReduceLROnPlateau of a score, under timm's interface; all its counters are saved.

    timm's own forgets how long the score has not risen when a run is resumed.
    """

    def __init__(
        self, optimizer: Optimizer, *, factor: float, patience: int, final: float = 0.0
    ) -> None:
        super().__init__(optimizer, "lr")
        self._inner = ReduceLROnPlateau(
            optimizer,
            mode="max",
            factor=factor,
            patience=patience,
            threshold_mode="abs",
            min_lr=[final * rate for rate in self.base_values],
        )

    def step(self, epoch: int, metric: float | None = None) -> None:
        """Look at an epoch's score, the higher the better."""
        if metric is not None:
            self._inner.step(metric)

    def state_dict(self) -> dict[str, Any]:
        """The best score and the epochs since; the rate is the optimiser's to save."""
        return dict(self._inner.state_dict())

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        self._inner.load_state_dict(state_dict)

    def _get_lr(self, t: int) -> list[float]:
        return [group["lr"] for group in self.optimizer.param_groups]
