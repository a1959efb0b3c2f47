"""The full set of 5,635 frames, from decoded frames in host memory to tally and point estimates.

    python benchmarks/full_set.py [--device cuda] [--frames 5635] [--batch-size 64] [--quick]

An EfficientNet-B4 gate and a U-Net/B4 of random weights at 256 x 352, in bfloat16 on a GPU, both on
every frame, and the evaluator at 420 x 580; a run over some frames warms up. Printed are the
seconds, the share of the device's measured rate of bfloat16 matrix products that the networks'
operations come to, and, apart, how much longer surface distances and the bootstrap take.
"""

import argparse
import platform
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from matrix_rate import gflop, rate, wait_for

from nerveceg.data.frames import Frame
from nerveceg.data.geometry import Geometry
from nerveceg.data.reading import Reading
from nerveceg.decision import Rule
from nerveceg.evaluation.bootstrap import RESAMPLES
from nerveceg.evaluation.counting import Counting
from nerveceg.evaluation.evaluate import count_batch
from nerveceg.evaluation.report import make_report
from nerveceg.evaluation.results import Results, Surface
from nerveceg.evaluation.surface import surface_scores
from nerveceg.models.classifier import Classifier
from nerveceg.models.member import Member
from nerveceg.models.segmenter import Segmenter
from nerveceg.pipeline import Pipeline
from nerveceg.runtime import Runtime

NATIVE = (420, 580)
LIMIT = 6.0
APART = 500
"""Frames on which surface distances are timed."""


def make_readings(count: int) -> list[Reading]:
    """Decoded frames of 47 subjects with an ellipse as truth on 41 of 100; some share memory."""
    draw = np.random.default_rng(0)
    rows, columns = np.ogrid[: NATIVE[0], : NATIVE[1]]
    images = draw.integers(0, 256, (min(count, APART), *NATIVE), dtype=np.uint8)
    shifts = draw.normal(0, 20, (len(images), 2))
    nerves = [
        ((rows - 145 - down) / 36) ** 2 + ((columns - 334 - right) / 62) ** 2 < 1
        for down, right in shifts
    ]
    readings = []
    for number in range(count):
        subject = str(number % 47)
        frame = Frame(f"{subject}_{number}", subject, Path("none"), None)
        place = number % len(images)
        truth = nerves[place] if number % 100 < 41 else np.zeros(NATIVE, dtype=np.bool_)
        readings.append(Reading(frame, images[place], truth))
    return readings


def count(pipeline: Pipeline, readings: Sequence[Reading], surface: Surface | None) -> Results:
    """Both networks and the evaluator over all frames; the results are on the host."""
    counting = Counting(pipeline.rule, surface=surface)
    together = pipeline.runtime.frames_together
    for first in range(0, len(readings), together):
        count_batch(counting, pipeline, readings[first : first + together])
    return counting.finish([reading.frame.id for reading in readings])[1]


def seconds(work: Callable[[], object], device: str) -> float:
    """How long it takes once."""
    wait_for(device)
    start = time.perf_counter()
    work()
    wait_for(device)
    return time.perf_counter() - start


def main() -> None:
    """Time the full set after a warm-up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--frames", type=int, help="5635 on a GPU, 64 on a processor")
    parser.add_argument("--size", type=int, nargs=2, default=(256, 352))
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--quick", action="store_true", help="tiny: only shows that it runs")
    options = parser.parse_args()
    size = (64, 96) if options.quick else (options.size[0], options.size[1])
    frames = 8 if options.quick else options.frames or (64 if options.device == "cpu" else 5635)
    torch.manual_seed(0)
    segmenter = Segmenter("Unet", encoder="tu-tf_efficientnet_b4")
    member = Member(Classifier("tf_efficientnet_b4"), segmenter)
    work = sum(gflop(network.eval(), size) for network in member.children())
    runtime = Runtime(device=options.device, batch_size=options.batch_size)
    rule = Rule(presence=0.5, postprocess=())
    pipeline = Pipeline([member], geometry=Geometry(size=size), rule=rule, runtime=runtime)
    readings = make_readings(frames)
    count(pipeline, readings[: 4 * options.batch_size], None)
    spent = seconds(lambda: count(pipeline, readings, None), options.device)
    share = work * 1e9 * frames / spent / rate(torch.bfloat16, device=options.device)
    print(
        f"{frames} frames at {size[0]} x {size[1]}, batches of {options.batch_size}, "
        f"{pipeline.describe()}, {platform.machine()}, torch {torch.__version__}\n"
        f"to tally and point estimates {spent:.2f} s (limit {LIMIT} s on one H100 or H200), "
        f"{1e3 * spent / frames:.2f} ms a frame, {work:.1f} GFLOP a frame: {share:.0%} of the "
        "measured rate of bfloat16 products"
    )
    some = readings[:APART]
    plain = seconds(lambda: count(pipeline, some, None), options.device)
    results = count(pipeline, some, surface_scores)
    distances = seconds(lambda: count(pipeline, some, surface_scores), options.device) - plain
    resampled = seconds(lambda: make_report(results, resamples=RESAMPLES), options.device)
    print(f"apart: surface distances {1e3 * distances / len(some):.2f} ms a frame more")
    print(f"apart: report and bootstrap of {RESAMPLES} resamples {resampled:.2f} s")


if __name__ == "__main__":
    main()
