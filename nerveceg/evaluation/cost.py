"""What a pipeline costs: parameters, operations and milliseconds a frame."""

import platform
import re
import time
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.flop_counter import FlopCounterMode

from nerveceg.pipeline import Pipeline
from nerveceg.runtime import Runtime

REPEATS = 9
"""timed predictions, after one that isn't"""

Grey = NDArray[np.uint8]


class Cost(NamedTuple):
    """What one frame costs that the gate lets through, in every view of every member."""

    parameters: int
    """of all networks; a shared one counts once"""
    gflop: float
    """1e9 floating-point operations of the networks; a multiply-accumulate is two"""
    milliseconds: float
    """median of single predictions, an image in memory to its mask at native pixels"""


def measure_cost(pipeline: Pipeline, image: Grey, *, repeats: int = REPEATS) -> Cost:
    """The cost of one frame, uint8 [H, W], on the pipeline's device; the gate is held open."""
    own = pipeline.rule
    pipeline.rule = replace(own, presence=0.0, miss_rate=None)
    try:
        gflop = count_gflop(pipeline, image)
        spent = [_seconds(pipeline, image) for _ in range(repeats)]
    finally:
        pipeline.rule = own
    return Cost(count_parameters(pipeline), gflop, 1000 * median(spent))


def count_parameters(pipeline: Pipeline) -> int:
    """Weights and biases of all networks, each counted once."""
    members = torch.nn.ModuleList(pipeline.ensemble.members)
    return sum(parameter.numel() for parameter in members.parameters())


def count_gflop(pipeline: Pipeline, image: Grey) -> float:
    """1e9 operations of the networks' matrix products and convolutions for one prediction."""
    counter = FlopCounterMode(display=False)
    with counter:
        pipeline.predict(image)
    return counter.get_total_flops() / 1e9


def processor_in_words(runtime: Runtime) -> str:
    """The machine that the milliseconds are of: device or processor, threads, precision."""
    described = runtime.describe()
    if runtime.torch_device.type != "cpu":
        return described
    return described.replace("cpu", _processor(), 1)


def _seconds(pipeline: Pipeline, image: Grey) -> float:
    begun = time.perf_counter()
    pipeline.predict(image)  # the mask comes to the host: nothing is left to wait for
    return time.perf_counter() - begun


def _processor() -> str:
    listed = Path("/proc/cpuinfo")
    text = listed.read_text(encoding="utf-8") if listed.is_file() else ""
    found = re.search(r"^model name\s*:\s*(.+)$", text, flags=re.MULTILINE)
    return found[1].strip() if found else platform.processor() or platform.machine()
