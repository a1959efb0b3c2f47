"""The one training loop, for either stage."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from timm.scheduler.scheduler import Scheduler
from torch import nn
from torch.optim import Optimizer

from nerveceg import processes
from nerveceg.data.dataset import FrameDataset
from nerveceg.errors import NerveCegError
from nerveceg.models.saving import save_model
from nerveceg.runtime import Runtime
from nerveceg.training.budget import Budget
from nerveceg.training.checkpointing import Keeper, States
from nerveceg.training.failures import failures_in_words
from nerveceg.training.interruption import Interruption
from nerveceg.training.lock import locked
from nerveceg.training.log import TrainingLog
from nerveceg.training.objectives import Objective
from nerveceg.training.origin import load_same, origin_of
from nerveceg.training.progress import Fitted
from nerveceg.training.run import Run


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
    resume: go on from `folder`/state where an earlier run stopped, to the same weights.
    facts: what else config.json records of the run.
    begin: called when everything is checked, before the first file is written.
    Several processes show their shares of an epoch side by side, and the first writes.

    Raises:
        NerveCegError: unknown metric, nothing to learn from, nothing to resume, a folder in use,
            numbers that don't stay finite, no memory, no room on the disk.
        Interrupted: SIGTERM or SIGINT came; the state is saved.
    """
    _check(objective, metric=metric, epochs=epochs, batch_size=batch_size, accumulate=accumulate)
    budget = Budget(epochs, seconds=seconds, patience=patience)
    with _guarded(folder, runtime, batch_size=batch_size, accumulate=accumulate) as interruption:
        states, origin = States(folder / "state"), origin_of(train, validation, facts)
        stopped = load_same(states, origin) if resume else None
        run = Run(model, objective, runtime=runtime, accumulate=accumulate, clip=clip, ema=ema)
        run.feed(train, validation, batch_size=batch_size, seed=seed)
        budget.plan(
            lambda: processes.agree(run.seconds_an_epoch) / processes.count(), stopped=stopped
        )
        run.prepare(optimizer, schedule, epochs=budget.epochs)
        processes.agree(lambda: _begin(begin, states))
        if stopped is not None:
            run.restore(stopped)
        parts = (run.state, budget.state, origin.copy)
        keeper = Keeper(states, parts, every=runtime.save_every, interruption=interruption)
        log = TrainingLog(folder, tensorboard=runtime.tensorboard, done=run.progress.epoch)
        save = partial(_save_best, run, folder, facts)
        return _train(run, budget, keeper=keeper, log=log, metric=metric, save=save)


@contextmanager
def _guarded(
    folder: Path, runtime: Runtime, *, batch_size: int, accumulate: int
) -> Iterator[Interruption]:
    """Hold the folder, note signals, repeat to the bit if asked, and say what fails in words."""
    with (
        locked(folder) if processes.is_first() else nullcontext(),
        Interruption() as interruption,
        runtime.repeatable(),
        failures_in_words(batch_size=batch_size, accumulate=accumulate),
    ):
        yield interruption


def _save_best(run: Run, folder: Path, facts: Mapping[str, Any], best: Mapping[str, Any]) -> None:
    save_model(run.averaged, folder, {**facts, **best})


def _train(
    run: Run,
    budget: Budget,
    *,
    keeper: Keeper,
    log: TrainingLog,
    metric: str,
    save: Callable[[Mapping[str, Any]], None],
) -> Fitted:
    """Epoch after epoch; save: writes the averaged weights with these facts."""
    progress = run.progress
    while budget.goes_on(progress.epoch, progress.best.epoch):
        loss = run.train_epoch(budget.epochs, keeper=keeper, enough=budget.is_up)
        scores = run.validate(log, keeper=keeper)
        skipped = {"skipped": progress.skipped} if progress.skipped else {}
        log.epoch(progress.epoch + 1, {"loss": loss, "rate": run.rate, **scores, **skipped})
        if (score := scores[metric]) > progress.best.score:
            progress.best = Fitted(score, progress.epoch + 1)
            if processes.is_first():
                save({"metric": metric, **progress.best._asdict()})
        run.finish_epoch(score)
        keeper.save()
        keeper.stop_if_asked()
    log.close()
    processes.wait()  # until the first process has written everything
    return progress.best


def _begin(begin: Callable[[], None], states: States) -> None:
    begin()
    states.sweep()


def _check(objective: Objective, *, metric: str, **counts: object) -> None:
    if metric not in objective.metrics:
        raise NerveCegError(f"metric={metric}: this stage has {', '.join(objective.metrics)}")
    for name, count in counts.items():
        if not isinstance(count, int) or count < 1:
            raise NerveCegError(f"{name}={count}: a whole number from 1 is wanted")
