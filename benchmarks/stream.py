"""The stream of made-up people: how fast a core renders it, and how long training waits for it.

    python benchmarks/stream.py [--frames 96] [--updates 24] [--repeats 3] [--quick]

The share of waiting is measured in two processes that train beside each other, each with helping
processes of its own that render, and in one with twice as many: from asking for a batch to having
it, over the whole time of the updates after the first, in which the helpers start. Networks, size
and batches are those of experiment=starter. Cores are what decides: give each helper one.
"""

import argparse
import multiprocessing
import os
import platform
import statistics
import time
from typing import NamedTuple

import torch
from torch.utils.data import DataLoader

from nerveceg.data.dataset import collate
from nerveceg.data.geometry import Geometry
from nerveceg.data.phantom.variety import Variety
from nerveceg.data.sampling import EpochSampler
from nerveceg.data.stream import PhantomStream
from nerveceg.models.classifier import Classifier

LIMIT = 0.05
"""Share of a training step that may go to waiting for frames."""

GEOMETRY = Geometry(size=(128, 176))
BATCH = 16


class Load(NamedTuple):
    """What each training process does."""

    backbone: str
    updates: int
    workers: int
    threads: int


def render(frames: int, repeats: int) -> float:
    """Frames a second of one core, the median."""
    stream = PhantomStream(frames, geometry=GEOMETRY, variety=Variety(), seed=1)
    rates = []
    for epoch in range(repeats):
        begun = time.process_time()
        for place in range(frames):
            stream[epoch, place]
        rates.append(frames / (time.process_time() - begun))
    return statistics.median(rates)


def share_of_waiting(load: Load, *, seed: int = 0) -> float:
    """The part of a training process's time in which it has no batch to learn from."""
    torch.set_num_threads(load.threads)
    network = Classifier(load.backbone, drop_path=0.0).train()
    optimiser = torch.optim.AdamW(network.parameters())
    waited = total = 0.0
    batches = iter(_loader(load, seed))
    for update in range(load.updates + 1):
        begun = time.perf_counter()
        batch = next(batches)
        there = time.perf_counter()
        logit = network(batch.image)
        torch.nn.functional.binary_cross_entropy_with_logits(logit, batch.target).backward()
        optimiser.step()
        optimiser.zero_grad()
        if update:
            waited += there - begun
            total += time.perf_counter() - begun
    return waited / total


def _loader(load: Load, seed: int) -> DataLoader:
    frames = BATCH * (load.updates + 1)
    stream = PhantomStream(frames // 2, geometry=GEOMETRY, variety=Variety(), seed=seed)
    return DataLoader(
        stream,
        batch_size=BATCH,
        sampler=EpochSampler(range(frames), seed=seed, shuffled=False),
        collate_fn=collate,
        num_workers=load.workers,
        persistent_workers=load.workers > 0,
    )


def _report(load: Load, seed: int, answers: "multiprocessing.Queue[float]") -> None:
    answers.put(share_of_waiting(load, seed=seed))


def share_beside_each_other(load: Load, processes: int) -> float:
    """The largest share of waiting of some training processes at once."""
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    running = [
        context.Process(target=_report, args=(load, seed, answers)) for seed in range(processes)
    ]
    for process in running:
        process.start()
    shares = [answers.get(timeout=600) for _ in running]
    for process in running:
        process.join()
    return max(shares)


def main() -> None:
    """Print the rate, and a line a way to train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=96)
    parser.add_argument("--updates", type=int, default=24)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--workers", type=int, default=None, help="helpers of each process")
    parser.add_argument("--quick", action="store_true", help="tiny: only shows that it runs")
    options = parser.parse_args()
    backbone = "tf_efficientnet_lite0"
    if options.quick:
        backbone, options.frames, options.updates, options.repeats = "test_efficientnet", 8, 1, 1
    cores = len(os.sched_getaffinity(0))
    workers = max(1, cores // 2) if options.workers is None else options.workers
    load = Load(backbone, options.updates, workers, threads=max(1, cores // 2))
    print(
        f"{backbone} at {GEOMETRY.size[0]} x {GEOMETRY.size[1]}, batch {BATCH}, {options.updates} "
        f"updates, {options.repeats} repetitions, {cores} cores of "
        f"{platform.processor() or platform.machine()}, torch {torch.__version__}; at most {LIMIT} "
        "of a training step is to be waiting"
    )
    torch.set_num_threads(1)
    print(f"rendered {render(options.frames, options.repeats):6.1f} frames a second of one core")
    two = [share_beside_each_other(load, 2) for _ in range(options.repeats)]
    _say(f"two processes, {workers} helpers each", statistics.median(two))
    one = [
        share_of_waiting(load._replace(workers=2 * workers, threads=cores))
        for _ in range(options.repeats)
    ]
    _say(f"one process, {2 * workers} helpers", statistics.median(one))


def _say(way: str, share: float) -> None:
    print(
        f"{way:<32} wait {share:.3f} of their time, {share / LIMIT:.2f} of what they may ({LIMIT})"
    )


if __name__ == "__main__":
    main()
