"""The one training loop, for either stage."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from timm.scheduler.scheduler import Scheduler
from torch import nn
from torch.optim import Optimizer

from nerveceg.data.dataset import FrameDataset
from nerveceg.errors import NerveCegError
from nerveceg.models.saving import save_model
from nerveceg.runtime import Runtime
from nerveceg.training.budget import Budget
from nerveceg.training.log import TrainingLog
from nerveceg.training.objectives import Objective
from nerveceg.training.run import Fitted, Run
from nerveceg.training.state import load_state, save_state


def fit(
    model: nn.Module,
    objective: Objective,
    *,
    train: FrameDataset,
    validation: FrameDataset,
    folder: Path,
    optimizer: Callable[[nn.Module], Optimizer],
    schedule: Callable[..., Scheduler],
    epochs: int,
    batch_size: int,
    metric: str,
    runtime: Runtime,
    seconds: float | None = None,
    accumulate: int = 1,
    clip: float | None = 1.0,
    ema: float = 0.999,
    patience: int | None = None,
    seed: int = 0,
    resume: bool = False,
    facts: Mapping[str, Any] = MappingProxyType({}),
    begin: Callable[[], None] = lambda: None,
) -> Fitted:
    """Train a stage; the best epoch's averaged weights end in `folder` as safetensors and JSON.

    seconds: of wall time; the run has as many of its epochs as fit in by a measurement, one at
        least, and stops when the time is up, an epoch too. Reading frames isn't counted.
    metric: of `objective.metrics`, chooses the best epoch on the validation frames.
    accumulate: batches an update; clip: largest gradient norm; ema: decay of the weight average;
    patience: epochs without improvement after which the run stops.
    resume: go on from `folder`/state where an earlier run stopped.
    facts: what else config.json records of the run.
    begin: called when everything is checked, before the first file is written.

    Raises:
        NerveCegError: unknown metric, nothing to learn from, nothing to resume, loss not finite.
    """
    _check(objective, metric=metric, epochs=epochs, batch_size=batch_size, accumulate=accumulate)
    budget = Budget(epochs, seconds=seconds, patience=patience)
    run = Run(model, objective, runtime=runtime, accumulate=accumulate, clip=clip, ema=ema)
    run.feed(train, validation, batch_size=batch_size, seed=seed)
    state = folder / "state" / "last.safetensors"
    budget.plan(run.seconds_an_epoch, stopped=load_state(state) if resume else None)
    run.prepare(optimizer, schedule, epochs=budget.epochs)
    begin()
    log = TrainingLog(folder, tensorboard=runtime.tensorboard)
    best, epoch = run.restore(state) if resume else (Fitted(-math.inf, 0), 0)
    while budget.goes_on(epoch, best.epoch):
        epoch += 1
        loss = run.train_epoch(epoch, budget.epochs, enough=budget.is_up)
        scores = run.validate(log, epoch)
        log.epoch(epoch, {"loss": loss, "rate": run.rate, **scores})
        if (score := scores[metric]) > best.score:
            best = Fitted(score, epoch)
            save_model(run.averaged, folder, {**facts, "metric": metric, **best._asdict()})
        run.finish_epoch(epoch, score)
        save_state(state, {**run.state(best, epoch), **budget.state()})
    log.close()
    return best


def _check(objective: Objective, *, metric: str, **counts: object) -> None:
    if metric not in objective.metrics:
        raise NerveCegError(f"metric={metric}: this stage has {', '.join(objective.metrics)}")
    for name, count in counts.items():
        if not isinstance(count, int) or count < 1:
            raise NerveCegError(f"{name}={count}: a whole number from 1 is wanted")
