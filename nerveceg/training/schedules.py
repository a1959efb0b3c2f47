"""How the learning rate goes over the updates of a run."""

from timm.scheduler.cosine_lr import CosineLRScheduler
from timm.scheduler.scheduler import Scheduler
from torch.optim import Optimizer


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
