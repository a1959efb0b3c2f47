"""The state of one training run: networks, average, optimiser, schedule, loaders."""

import logging
import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from timm.scheduler.scheduler import Scheduler
from timm.utils.model_ema import ModelEmaV3
from torch import Tensor, nn
from torch.optim import Optimizer
from tqdm import tqdm

from nerveceg.data.dataset import Batch, FrameDataset
from nerveceg.data.sampling import EpochSampler
from nerveceg.errors import NerveCegError
from nerveceg.models.two_heads import is_finite
from nerveceg.processes import count, is_first, rank
from nerveceg.runtime import Runtime
from nerveceg.training.checkpointing import Keeper
from nerveceg.training.estimate import seconds_an_epoch
from nerveceg.training.feeding import make_loader, rest_of_epoch
from nerveceg.training.log import TrainingLog
from nerveceg.training.objectives import Objective, Scores
from nerveceg.training.progress import DivergedError, Progress
from nerveceg.training.rollback import Buffers
from nerveceg.training.together import gather_batches, make_accelerator, take_buffers_of_first

logger = logging.getLogger(__name__)


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
        self.progress = Progress()
        self._runtime = runtime
        self._objective = objective
        self._clip = math.inf if clip is None else clip
        self._accelerator = make_accelerator(runtime, accumulate=accumulate)
        self._plain = runtime.place(model)
        self._ema = ModelEmaV3(self._plain, decay=ema, use_warmup=True)
        self._buffers = Buffers(self._plain)
        self._losses: list[Tensor] = []
        self._shown: dict[str, str] = {}

    def feed(
        self, train: FrameDataset, validation: FrameDataset, *, batch_size: int, seed: int
    ) -> None:
        """Make the loaders."""
        self._seed = seed
        self._frames = train, validation
        order = self._objective.sampler(train, seed=seed)
        places = self._objective.validation_places(validation)
        if not places:
            raise NerveCegError(
                f"none of {len(validation)} validation frames can score this stage: take another "
                "fold or a larger data.split.validation_share"
            )
        fixed = EpochSampler(places, seed=0, shuffled=False)
        self._loader, self._validation = (
            make_loader(
                dataset,
                sampler,
                batch_size=batch_size,
                drop_last=dataset is train and (len(sampler) > batch_size or count() > 1),
                runtime=self._runtime,
                accelerator=self._accelerator,
            )
            for dataset, sampler in ((train, order), (validation, fixed))
        )
        self._rounds = math.ceil(len(places) / batch_size) // count()

    def seconds_an_epoch(self) -> float:
        """How long an epoch with its validation will take; a measurement."""
        train, validation = self._frames
        return seconds_an_epoch(
            self._plain,
            self._objective,
            train=train,
            validation=validation,
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

    def train_epoch(self, epochs: int, *, keeper: Keeper, enough: Callable[[], bool]) -> float:
        """Show what is left of the epoch, whole batches only; returns the mean loss.

        keeper: saves between updates. enough: asked there too; True ends the epoch.
        """
        epoch, done = self.progress.epoch + 1, self.progress.batch
        self._model.train()
        rest = rest_of_epoch(self._loader, epoch, done=done) if done < len(self._loader) else ()
        bar = self._bar(rest, f"epoch {epoch}/{epochs}", initial=done)
        for number, batch in enumerate(bar, start=done):
            # Dropout follows from seed, epoch and batch, so that a resumed run draws the same, and
            # so do several processes together.
            place = number * count() + rank()
            torch.manual_seed(hash((self._seed, epoch, place)) % 2**63)
            with self._accelerator.accumulate(self._model):
                self._learn(self._frames[0].augmented_on_device(batch, epoch))
                if self._accelerator.sync_gradients:
                    self._update()
                    self.progress.batch = number + 1
            if number % 10 == 0:
                bar.set_postfix(self._shown)
            if self._accelerator.sync_gradients:
                keeper.after_update()
                if enough():
                    break
                keeper.stop_if_asked()
            elif keeper.must_stop:
                self._go_back_to_update()
                keeper.stop_if_asked()
        return self.progress.mean_loss()

    def _bar(self, batches: Any, words: str, *, initial: int = 0) -> Any:
        """The batches with a progress bar, of one process."""
        hidden = not is_first()
        return tqdm(batches, words, unit="batch", leave=False, initial=initial, disable=hidden)

    def _learn(self, batch: Batch) -> None:
        image = batch.image.to(memory_format=self._runtime.memory_format)
        loss = self._objective.loss(self._model(image), batch)
        self._accelerator.backward(loss)
        self._losses.append(loss.detach())

    def _update(self) -> None:
        """Take the step that the gathered gradients ask for, unless it leads out of the numbers."""
        norm = self._accelerator.clip_grad_norm_(self._model.parameters(), self._clip)
        own = torch.stack([*self._losses, torch.as_tensor(norm)]).float()
        # Of all processes: they take a step together or none.
        numbers = self._accelerator.gather(own).reshape(count(), -1)
        losses, sound = numbers[:, :-1].flatten(), bool(numbers.isfinite().all())
        if sound:
            self._optimizer.step()
            self.progress.learned(losses.tolist())
            self._schedule.step_update(self.progress.updates)
            self._ema.update(self._plain, step=self.progress.updates)
            self._buffers.keep()
            self._shown["loss"] = f"{losses[-1].item():.4f}"
        else:
            self._buffers.restore()
        self._optimizer.zero_grad()
        self._losses.clear()
        if not sound:
            self._skip(losses.tolist())

    def _skip(self, losses: list[float]) -> None:
        self.progress.skip(losses)
        logger.warning(
            "epoch %d: an update was left out, its losses were %s",
            self.progress.epoch + 1,
            ", ".join(f"{loss:.4g}" for loss in losses),
        )

    def _go_back_to_update(self) -> None:
        """Forget the batches since the last update, as if they had not been seen."""
        self._buffers.restore()
        self._losses.clear()

    @torch.inference_mode()
    def validate(self, log: TrainingLog, *, keeper: Keeper) -> Scores:
        """Scores of the averaged weights on the validation frames."""
        judged, epoch = [], self.progress.epoch + 1
        take_buffers_of_first(self.averaged)
        bar = self._bar(self._validation, "validating")
        for number, batch in enumerate(bar):
            if number < self._rounds:  # those that every process has
                keeper.stop_if_asked()
            image = batch.image.to(memory_format=self._runtime.memory_format)
            with self._accelerator.autocast():
                output = self.averaged(image)
            if not is_finite(output):
                raise DivergedError(
                    "the network's output on validation frames is not finite", epoch
                )
            judged.append(self._objective.judge(output, batch).cpu())
            if number == 0:
                log.images(epoch, batch, output)
        log.weights(epoch, self.averaged)
        scores = self._objective.scores(torch.cat(gather_batches(judged)))
        self._shown = {name: f"{score:.4f}" for name, score in scores.items()}
        return scores

    def finish_epoch(self, score: float) -> None:
        """Count the epoch, and tell schedules that look at the score."""
        self.progress.finish_epoch()
        self._schedule.step(self.progress.epoch, score)

    @property
    def averaged(self) -> nn.Module:
        """The moving average of the weights."""
        averaged: nn.Module = self._ema.module
        return averaged

    @property
    def rate(self) -> float:
        """Today's learning rate."""
        return float(self._optimizer.param_groups[0]["lr"])

    def state(self) -> dict[str, Any]:
        """All that `restore` needs."""
        return {
            "model": self._plain.state_dict(),
            "ema": self.averaged.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "schedule": self._schedule.state_dict(),
            **self.progress.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go back to where a run stopped."""
        self._plain.load_state_dict(state["model"])
        self.averaged.load_state_dict(state["ema"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._schedule.load_state_dict(state["schedule"])
        self.progress.restore(state)
        self._buffers.keep()
