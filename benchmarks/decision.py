"""The best masks of frames by one histogram each against sorting every pixel.

    python benchmarks/decision.py [--frames 32] [--repeats 9] [--device cpu]

Each way gives expected Dice and threshold of 420 x 580 frames. Repetitions are interleaved; medians
are printed. On a CPU one core is used.
"""

import argparse
import platform
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor

from nerveceg.expected_dice import Optimum, plug_in

SIZE = (420, 580)
LIMIT_MS = 2.0


def make_frames(count: int, device: str) -> Tensor:
    """Probabilities, float32 [N, 1, H, W], of blurred ellipses, from faint to sure."""
    generator = torch.Generator().manual_seed(0)
    rows, columns = torch.meshgrid(*(torch.arange(side) for side in SIZE), indexing="ij")
    shift = 12 * torch.randn(2, count, 1, 1, 1, generator=generator)
    away = ((rows - 145 - shift[0]) / 36) ** 2 + ((columns - 334 - shift[1]) / 62) ** 2
    sure = torch.linspace(0.5, 6, count)[:, None, None, None]
    probability = torch.sigmoid(sure * (1 - away))
    probability += 0.002 * torch.rand(probability.shape, generator=generator)
    return probability.clamp(0, 1).to(device)


def by_sorting(probability: Tensor) -> Optimum:
    """The same optimum from all pixels in order, frame by frame."""
    optima = []
    for frame in probability.flatten(1):
        hits = frame.sort(descending=True).values.cumsum(0, dtype=torch.float64)
        area = torch.arange(1, len(hits) + 1, device=hits.device)
        optima.append((2 * hits / (area + hits[-1])).amax().float())
    dice = torch.stack(optima)
    return Optimum(dice, dice / 2)


def by_histogram_and_draw(probability: Tensor) -> Optimum:
    """The histogram, and the masks themselves."""
    best = plug_in(probability)
    for frame, threshold in zip(probability, best.threshold, strict=True):
        _ = frame >= threshold
    return best


WAYS: dict[str, Callable[[Tensor], Optimum]] = {
    "sorted": by_sorting,
    "histogram": plug_in,
    "histogram and masks": by_histogram_and_draw,
}


def seconds_of(way: Callable[[Tensor], Optimum], probability: Tensor) -> float:
    """One run, until its result is on the host."""
    start = time.perf_counter()
    way(probability).dice.cpu()
    return time.perf_counter() - start


def main() -> None:
    """Time every way in turn, again and again, and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(1)
    probability = make_frames(options.frames, options.device)
    found = {name: way(probability) for name, way in WAYS.items()}
    seconds: dict[str, list[float]] = {name: [] for name in WAYS}
    for _ in range(options.repeats):
        for name, way in WAYS.items():
            seconds[name].append(seconds_of(way, probability))
    print_medians(seconds, found, probability)


def print_medians(
    seconds: dict[str, list[float]], found: dict[str, Optimum], probability: Tensor
) -> None:
    """Milliseconds a frame, the ratio to sorting, and how far the results are from it."""
    frames = len(probability)
    print(
        f"{frames} frames of {SIZE[0]} x {SIZE[1]} on {probability.device}, "
        f"{len(seconds['sorted'])} repetitions, {platform.processor() or platform.machine()}, "
        f"torch {torch.__version__}; limit {LIMIT_MS} ms for the histogram on one core"
    )
    areas = {name: _areas(probability, best.threshold) for name, best in found.items()}
    for name, times in seconds.items():
        median = 1e3 * statistics.median(times) / frames
        ratio = statistics.median(seconds["sorted"]) / statistics.median(times)
        dice = (found[name].dice - found["sorted"].dice).abs().max().item()
        area = (areas[name] / areas["sorted"] - 1).abs().max().item()
        print(
            f"{name:20} {median:6.2f} ms a frame, {ratio:5.2f} x the speed of sorting, "
            f"expected Dice within {dice:.1e}, area within {area:.2%}"
        )


def _areas(probability: Tensor, threshold: Tensor) -> Tensor:
    return (probability >= threshold[:, None, None, None]).sum((1, 2, 3), dtype=torch.float32)


if __name__ == "__main__":
    main()
