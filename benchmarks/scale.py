"""What evaluate costs against the number of frames: time is to grow as they do, memory hardly.

    python benchmarks/scale.py [--full] [--quick]

The frames are links to 500 files of a phantom (16 with --quick), under names and subjects of their
own; the networks are tiny, and so are the pictures that they see. Each size runs in a process of
its own, whose peak memory is taken from the system. Up to 5,000 frames, 50,000 with --full.
"""

import argparse
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from nerveceg.data.frames import find_frames
from nerveceg.data.phantom import write_phantom

LIMIT_KB = 2.0
LIMIT_GB = 2.0


class Cost(NamedTuple):
    """What one size took."""

    frames: int
    seconds: float
    peak_mb: float
    start_mb: float
    """before the first frame: Python, torch and the networks"""


def link_frames(source: Path, folder: Path, count: int) -> None:
    """A data set of `count` frames of 100 to a subject, linked to those of a source in turn."""
    frames = find_frames(source)
    folder.mkdir(parents=True)
    for number in range(count):
        frame = frames[number % len(frames)]
        name = f"{number // 100 + 1}_{number % 100 + 1}"
        for path, suffix in ((frame.image, ""), (Path(str(frame.mask)), "_mask")):
            os.link(path, folder / f"{name}{suffix}{path.suffix}")


def evaluate_folder(folder: Path) -> None:
    """Evaluate tiny networks on a folder and print the cost; runs in a process of its own."""
    import torch

    from nerveceg.data.geometry import Geometry
    from nerveceg.decision import Rule
    from nerveceg.evaluation.evaluate import evaluate
    from nerveceg.models.classifier import Classifier
    from nerveceg.models.member import Member
    from nerveceg.models.segmenter import Segmenter
    from nerveceg.pipeline import Pipeline

    torch.set_num_threads(1)
    torch.manual_seed(0)
    segmenter = Segmenter("Unet", encoder="tu-test_resnet", decoder_channels=[16, 8, 8, 8, 8])
    pipeline = Pipeline(
        [Member(Classifier("test_resnet"), segmenter)],
        geometry=Geometry(size=(32, 64)),
        rule=Rule(presence=0.0, postprocess=()),
    )
    frames = find_frames(folder)
    evaluate(pipeline, frames[:8], resamples=20, progress=False)
    start, begun = peak_mb(), time.perf_counter()
    evaluate(pipeline, frames, resamples=20, progress=False)
    print(time.perf_counter() - begun, peak_mb(), start)


def peak_mb() -> float:
    """Most memory that this process has held."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**10 if sys.platform != "darwin" else peak / 2**20


def measure(source: Path, folder: Path, count: int) -> Cost:
    """The cost of `count` frames."""
    link_frames(source, folder, count)
    done = subprocess.run(
        [sys.executable, __file__, "--folder", folder],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    return Cost(count, *map(float, done.stdout.split()[-3:]))


def print_costs(costs: list[Cost]) -> None:
    """Time and memory a frame, and both between one size and the next."""
    for cost, before in zip(costs, [costs[0], *costs], strict=False):
        growth = f"{1e3 * cost.seconds / cost.frames:.2f} ms a frame"
        if cost is not before:
            extra = (cost.peak_mb - before.peak_mb) * 2**10 / (cost.frames - before.frames)
            growth += f", {extra:.2f} KB for each further frame"
        print(
            f"{cost.frames:6} frames: {cost.seconds:7.1f} s, {growth}, peak {cost.peak_mb:.0f} MB, "
            f"{cost.peak_mb - cost.start_mb:.0f} MB beyond the models"
        )
    first, last = costs[0], costs[-1]
    time_ratio = (last.seconds / last.frames) / (first.seconds / first.frames)
    print(f"{last.frames / first.frames:.0f} x the frames take {time_ratio:.2f} x the time a frame")


def main() -> None:
    """Print a line a size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="up to 50,000 frames")
    parser.add_argument("--quick", action="store_true", help="tiny: only shows that it runs")
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.folder:
        evaluate_folder(options.folder)
        return
    import torch

    sizes = [500, 1500, 5000, *([15000, 50000] if options.full else [])]
    sizes = [16, 24] if options.quick else sizes
    print(
        f"evaluate on one core, {platform.processor() or platform.machine()}, Python "
        f"{platform.python_version()}, torch {torch.__version__}; at most {LIMIT_KB:.0f} KB for "
        f"each further frame and {LIMIT_GB:.0f} GB beyond the models are wanted"
    )
    with tempfile.TemporaryDirectory() as made:
        folder, subjects = Path(made), 4 if options.quick else 125
        write_phantom(folder / "set", subjects=subjects, frames_per_subject=4, progress=False)
        source = folder / "set" / "train"
        print_costs([measure(source, folder / str(size), size) for size in sizes])


if __name__ == "__main__":
    main()
