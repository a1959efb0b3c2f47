"""Counting and scoring on the device against masks sent to the host for MONAI's DiceMetric.

    python benchmarks/evaluate.py [--frames 32] [--repeats 9] [--device cpu] [--quick]

Ours counts hits and area at 99 thresholds and, apart, one row of results a frame; the other way
thresholds once. `with cleaned masks` adds those of 19 thresholds after largest component and filled
holes, which a rule with such steps asks for. Repetitions are interleaved; medians are printed. On a
CPU one core is used.
"""

import argparse
import platform
import statistics
import time
from collections.abc import Callable
from functools import partial

import monai
import numpy as np
import torch
from monai.metrics import DiceMetric
from torch import Tensor

from nerveceg.decision import Rule
from nerveceg.evaluation.counts import dice
from nerveceg.evaluation.results import ResultsBuilder
from nerveceg.evaluation.surface import surface_scores
from nerveceg.evaluation.tally import TallyBuilder
from nerveceg.postprocess import postprocess

SIZE = (420, 580)
LIMIT_MS = 2.5


def make_frames(count: int, device: str) -> tuple[Tensor, Tensor, Tensor]:
    """Presence, probability and truth of nerve-like ellipses; 41 % of the frames show one."""
    generator = torch.Generator().manual_seed(0)
    rows, columns = torch.meshgrid(*(torch.arange(side) for side in SIZE), indexing="ij")
    jitter = 12 * torch.randn(2, 2, count, 1, 1, 1, generator=generator)

    def radius(shift: Tensor) -> Tensor:
        return ((rows - 145 - shift[0]) / 36) ** 2 + ((columns - 334 - shift[1]) / 62) ** 2

    shown = (torch.arange(count) % 100 < 41)[:, None, None, None]
    probability = torch.sigmoid(4 - 4 * radius(jitter[0]))
    probability += 0.01 * torch.rand(probability.shape, generator=generator)
    presence = torch.rand(count, generator=generator)
    truth = (radius(jitter[1]) < 1) & shown
    return presence.to(device), probability.clamp(0, 1).to(device), truth.to(device)


def tally(presence: Tensor, probability: Tensor, truth: Tensor) -> float:
    """Mean Dice from the counts of 99 thresholds."""
    names = [str(frame) for frame in range(len(presence))]
    builder = TallyBuilder()
    builder.add(names, names, presence=presence, probability=probability, truth=truth)
    return float(builder.finish().score(0, 0.5).mean())


def cleaned(presence: Tensor, probability: Tensor, truth: Tensor) -> float:
    """Mean Dice of cleaned masks, from the counts of 19 thresholds beside those of 99."""
    names = [str(frame) for frame in range(len(presence))]
    builder = TallyBuilder(clean=partial(postprocess, names=Rule().postprocess), inside=True)
    builder.add(names, names, presence=presence, probability=probability, truth=truth)
    return float(builder.finish().score(0, 0.5, cleaned=True).mean())


def results(presence: Tensor, probability: Tensor, truth: Tensor) -> float:
    """Mean Dice from one row a frame, distances left out."""
    names = [str(frame) for frame in range(len(presence))]
    builder, mask = ResultsBuilder(surface=None), probability >= 0.5
    builder.add(names, names, presence=presence, passed=presence > 0, mask=mask, truth=truth)
    rows = builder.finish()
    return float(dice(rows.mask, rows.truth_area).mean())


def both(presence: Tensor, probability: Tensor, truth: Tensor) -> float:
    """Everything that the evaluator counts."""
    results(presence, probability, truth)
    return tally(presence, probability, truth)


def monai_on_host(presence: Tensor, probability: Tensor, truth: Tensor) -> float:
    """Mean Dice as it is usually had: masks to the host, then MONAI."""
    masks = (probability >= 0.5).cpu().float()
    metric = DiceMetric(ignore_empty=False)
    metric(y_pred=masks, y=truth.cpu().float())
    return float(metric.aggregate())


def distances(presence: Tensor, probability: Tensor, truth: Tensor) -> float:
    """HD95 of the frames with nerve."""
    pairs = zip((probability >= 0.5).cpu().numpy(), truth.cpu().numpy(), strict=True)
    scores = [surface_scores(mask[0], true[0]).hd95 for mask, true in pairs if true.any()]
    return float(np.nanmean(scores))


WAYS: dict[str, Callable[[Tensor, Tensor, Tensor], float]] = {
    "torch -> CPU -> MONAI, 1 threshold": monai_on_host,
    "tally, 99 thresholds": tally,
    "results": results,
    "tally and results": both,
    "tally with cleaned masks": cleaned,
    "HD95 and NSD": distances,
}


def main() -> None:
    """Time every way in turn, again and again, and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--quick", action="store_true", help="tiny: only shows that it runs")
    options = parser.parse_args()
    if options.quick:
        options.frames, options.repeats = 4, 1
    torch.set_num_threads(1)
    frames = make_frames(options.frames, options.device)
    scores = {name: way(*frames) for name, way in WAYS.items()}
    seconds: dict[str, list[float]] = {name: [] for name in WAYS}
    for _ in range(options.repeats):
        for name, way in WAYS.items():
            start = time.perf_counter()
            way(*frames)
            seconds[name].append(time.perf_counter() - start)
    print_medians(seconds, scores, options.frames)


def print_medians(seconds: dict[str, list[float]], scores: dict[str, float], frames: int) -> None:
    """Milliseconds a frame and the ratio to MONAI."""
    print(
        f"{frames} frames of {SIZE[0]} x {SIZE[1]}, {len(seconds['results'])} repetitions, "
        f"{platform.processor() or platform.machine()}, torch {torch.__version__}, "
        f"MONAI {monai.__version__}; limit {LIMIT_MS} ms for tally and results on one core"
    )
    medians = {name: 1e3 * statistics.median(times) / frames for name, times in seconds.items()}
    monai_ms = medians["torch -> CPU -> MONAI, 1 threshold"]
    for name, milliseconds in medians.items():
        ratio = f"{monai_ms / milliseconds:5.2f} x MONAI's speed, mean {scores[name]:.6f}"
        print(f"{name:36} {milliseconds:6.2f} ms a frame, {ratio}")


if __name__ == "__main__":
    main()
