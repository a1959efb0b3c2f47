"""How long an epoch will take, from two measured updates and a few frames."""

import copy
import math
import statistics
import time
from dataclasses import replace

import torch
from torch import nn

from nerveceg.data.dataset import Batch, FrameDataset
from nerveceg.runtime import Runtime
from nerveceg.training.objectives import Objective

BATCH = 4
FORWARD = 1 / 3
"""Share of the forward pass in an update: the backward pass takes twice as long."""


def seconds_an_epoch(
    model: nn.Module,
    objective: Objective,
    *,
    train: FrameDataset,
    validation: FrameDataset,
    runtime: Runtime,
) -> float:
    """Seconds of an epoch's updates and of scoring its weights on the validation frames.

    Augmentation counts where it has no process of its own.
    """
    update = seconds_a_frame(model, objective, size=train.size, runtime=runtime)
    shown = len(objective.sampler(train, seed=0))
    scored = len(objective.validation_places(validation))
    prepare = 0.0 if runtime.worker_count else _seconds_to_prepare(train)
    return shown * (update + prepare) + scored * FORWARD * update


def seconds_a_frame(
    model: nn.Module, objective: Objective, *, size: tuple[int, int], runtime: Runtime
) -> float:
    """Seconds of a forward and a backward pass, the faster of two, per frame of a batch of four.

    Works on a copy of the model, which stays as it was. size: height and width in pixels.
    """
    device = runtime.torch_device
    trial = runtime.place(copy.deepcopy(model)).train()
    batch = _grey_batch(BATCH, size, device)
    spent = []
    for _ in range(2):
        begun = time.perf_counter()
        with runtime.repeatable():
            with runtime.autocast():
                output = trial(batch.image.to(memory_format=runtime.memory_format))
            objective.loss(output, batch).backward()  # type: ignore[no-untyped-call]
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        spent.append(time.perf_counter() - begun)
    return min(spent) / BATCH


def cost_of_determinism(
    model: nn.Module, objective: Objective, *, size: tuple[int, int], runtime: Runtime
) -> float:
    """How many times as long an update takes with `runtime.deterministic` as without it."""
    fastest = {False: math.inf, True: math.inf}
    for flag in (False, True) * 3:
        each = replace(runtime, deterministic=flag)
        spent = seconds_a_frame(model, objective, size=size, runtime=each)
        fastest[flag] = min(fastest[flag], spent)
    return fastest[True] / fastest[False]


def _seconds_to_prepare(train: FrameDataset) -> float:
    """Seconds that reading and augmenting a frame takes, the median of some."""
    spent = []
    for place in range(min(9, len(train))):
        begun = time.perf_counter()
        train[0, place]
        spent.append(time.perf_counter() - begun)
    return statistics.median(spent)


def in_words(seconds: float) -> str:
    """A duration as a person says it."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"


def _grey_batch(count: int, size: tuple[int, int], device: torch.device) -> Batch:
    place = torch.arange(count, device=device)
    image = torch.full((count, 1, *size), 0.4, device=device)
    present = (place % 2).float()
    weight = torch.ones_like(present)
    return Batch(image, image > 0, present=present, place=place, target=present, weight=weight)
