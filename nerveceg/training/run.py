"""The state of one training run: networks, average, optimiser, schedule, loaders."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from timm.scheduler.scheduler import Scheduler
from timm.utils.model_ema import ModelEmaV3
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.data import DataLoader
from tqdm import tqdm

from nerveceg.data.dataset import Batch, FrameDataset, collate
from nerveceg.data.sampling import EpochSampler
from nerveceg.errors import NerveCegError
from nerveceg.models.two_heads import is_finite
from nerveceg.runtime import Runtime
from nerveceg.training.estimate import seconds_an_epoch
from nerveceg.training.log import TrainingLog
from nerveceg.training.objectives import Objective, Scores
from nerveceg.training.state import load_state


class Fitted(NamedTuple):
    """How a run ended: the best epoch's score by the chosen metric, and which epoch it was."""

    score: float
    epoch: int


class Run:
    """Networks, optimiser and loaders of one training run; `fit` drives it."""

    def __init__(
        self,
        model: nn.Module,
        objective: Objective,
        *,
        runtime: Runtime,
        accumulate: int,
        clip: float | None,
        ema: float,
    ) -> None:
        self._runtime = runtime
        self._objective = objective
        self._clip = clip
        _forget_earlier_runs(runtime)
        self._accelerator = Accelerator(
            cpu=runtime.torch_device.type == "cpu",
            mixed_precision="bf16" if runtime.bfloat16 else "no",
            gradient_accumulation_steps=accumulate,
        )
        self._plain = runtime.place(model)
        self._ema = ModelEmaV3(self._plain, decay=ema, use_warmup=True)
        self._updates = 0
        self._shown: dict[str, str] = {}

    def feed(
        self, train: FrameDataset, validation: FrameDataset, *, batch_size: int, seed: int
    ) -> None:
        """Make the loaders."""
        self._seed = seed
        order = self._objective.sampler(train, seed=seed)
        places = self._objective.validation_places(validation)
        if not places:
            raise NerveCegError(
                f"none of {len(validation)} validation frames can score this stage: take another "
                "fold or a larger data.split.validation_share"
            )
        fixed = EpochSampler(places, seed=0, shuffled=False)
        many = len(order) > batch_size
        self._loader = self._load(train, order, batch_size, drop_last=many)
        self._validation = self._load(validation, fixed, batch_size, drop_last=False)

    def _load(
        self, dataset: FrameDataset, sampler: EpochSampler, batch_size: int, *, drop_last: bool
    ) -> Any:
        workers = self._runtime.worker_count
        loader = DataLoader(
            dataset,
            batch_size=batch_size,
            sampler=sampler,
            num_workers=workers,
            collate_fn=collate,
            drop_last=drop_last,
            pin_memory=self._accelerator.device.type == "cuda",
            persistent_workers=workers > 0,
        )
        return self._accelerator.prepare(loader)

    def seconds_an_epoch(self) -> float:
        """How long an epoch with its validation will take; a measurement."""
        return seconds_an_epoch(
            self._plain,
            self._objective,
            train=self._loader.dataset,
            validation=self._validation.dataset,
            runtime=self._runtime,
        )

    def prepare(
        self,
        optimizer: Callable[[nn.Module], Optimizer],
        schedule: Callable[..., Scheduler],
        *,
        epochs: int,
    ) -> None:
        """Make the optimiser and its schedule."""
        made = optimizer(self._plain)
        each = math.ceil(len(self._loader) / self._accelerator.gradient_accumulation_steps)
        self._schedule = schedule(made, updates=each * epochs)
        model = torch.compile(self._plain) if self._runtime.compile else self._plain
        self._model, self._optimizer = self._accelerator.prepare(model, made)

    def train_epoch(self, epoch: int, epochs: int, *, enough: Callable[[], bool]) -> float:
        """Show the epoch's frames, whole batches only; returns the mean loss.

        enough: asked after every update; True ends the epoch there.
        """
        # Through accelerate's loader: it sets the sampler's epoch to a count of its own otherwise.
        self._loader.set_epoch(epoch)
        self._model.train()
        losses = []
        bar = tqdm(self._loader, desc=f"epoch {epoch}/{epochs}", unit="batch", leave=False)
        for number, batch in enumerate(bar):
            # Dropout follows from seed, epoch and batch, so that a resumed run draws the same.
            torch.manual_seed(hash((self._seed, epoch, number)) % 2**63)
            with self._accelerator.accumulate(self._model):
                losses.append(self._learn(batch, epoch))
            if number % 10 == 0:
                bar.set_postfix({"loss": f"{losses[-1].item():.4f}", **self._shown})
            if self._accelerator.sync_gradients and enough():
                break
        return torch.stack(losses).mean().item()

    def _learn(self, batch: Batch, epoch: int) -> Tensor:
        image = batch.image.to(memory_format=self._runtime.memory_format)
        loss = self._objective.loss(self._model(image), batch)
        if not loss.isfinite():
            raise _diverged(f"the loss is {loss.item()}", epoch)
        self._accelerator.backward(loss)
        if self._accelerator.sync_gradients and self._clip is not None:
            self._accelerator.clip_grad_norm_(self._model.parameters(), self._clip)
        self._optimizer.step()
        self._optimizer.zero_grad()
        if self._accelerator.sync_gradients:
            self._updates += 1
            self._schedule.step_update(self._updates)
            self._ema.update(self._plain, step=self._updates)
        return loss.detach()

    @torch.inference_mode()
    def validate(self, log: TrainingLog, epoch: int) -> Scores:
        """Scores of the averaged weights on the validation frames."""
        judged = []
        bar = tqdm(self._validation, desc="validating", unit="batch", leave=False)
        for number, batch in enumerate(bar):
            image = batch.image.to(memory_format=self._runtime.memory_format)
            with self._accelerator.autocast():
                output = self.averaged(image)
            if not is_finite(output):
                raise _diverged("the network's output on validation frames is not finite", epoch)
            judged.append(self._objective.judge(output, batch).cpu())
            if number == 0:
                log.images(epoch, batch, output)
        log.weights(epoch, self.averaged)
        scores = self._objective.scores(torch.cat(judged))
        self._shown = {name: f"{score:.4f}" for name, score in scores.items()}
        return scores

    def finish_epoch(self, epoch: int, score: float) -> None:
        """Tell schedules that look at the score."""
        self._schedule.step(epoch, score)

    @property
    def averaged(self) -> nn.Module:
        """The moving average of the weights."""
        averaged: nn.Module = self._ema.module
        return averaged

    @property
    def rate(self) -> float:
        """Today's learning rate."""
        return float(self._optimizer.param_groups[0]["lr"])

    def state(self, best: Fitted, epoch: int) -> dict[str, Any]:
        """All that `restore` needs."""
        return {
            "model": self._plain.state_dict(),
            "ema": self.averaged.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "updates": self._updates,
            "schedule": self._schedule.state_dict(),
            "best": list(best),
            "epoch": epoch,
        }

    def restore(self, path: Path) -> tuple[Fitted, int]:
        """Go back to where a run stopped; returns its best epoch and the last one done."""
        state = load_state(path)
        self._plain.load_state_dict(state["model"])
        self.averaged.load_state_dict(state["ema"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._schedule.load_state_dict(state["schedule"])
        self._updates = state["updates"]
        return Fitted(*state["best"]), state["epoch"]


def _diverged(finding: str, epoch: int) -> NerveCegError:
    return NerveCegError(
        f"{finding} in epoch {epoch}: a smaller optimizer.lr or runtime.precision=float32 is the "
        "usual cure"
    )


def _forget_earlier_runs(runtime: Runtime) -> None:
    # accelerate keeps device and precision of a process's first run and refuses others; on several
    # GPUs it takes the current one.
    if AcceleratorState._shared_state:
        AcceleratorState._reset_state(reset_partial_state=True)
    if runtime.torch_device.type == "cuda" and runtime.torch_device.index is not None:
        torch.cuda.set_device(runtime.torch_device)
