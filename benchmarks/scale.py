"""What infer and evaluate cost against the number of frames: time is to grow as they do.

    python benchmarks/scale.py [--tools infer,evaluate] [--full] [--quick]

The frames are links to 500 files of a phantom (16 with --quick), under names and subjects of their
own; the networks are tiny, and so are the pictures that they see. infer writes masks, no overlays.
Each size runs in a process of its own, whose peak memory is taken from the system. Up to 5,000
frames, 50,000 with --full.
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
from typing import TYPE_CHECKING, NamedTuple

from nerveceg.data.frames import find_frames
from nerveceg.data.phantom import write_phantom

if TYPE_CHECKING:
    from nerveceg.data.frames import Frame
    from nerveceg.pipeline import Pipeline

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


def run_on(folder: Path, tool: str) -> None:
    """Run tiny networks on a folder and print the cost; in a process of its own."""
    import torch

    from nerveceg.data.geometry import Geometry
    from nerveceg.decision import Rule
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
    with tempfile.TemporaryDirectory() as made:
        TOOLS[tool](pipeline, frames[:8], Path(made) / "first")
        start, begun = peak_mb(), time.perf_counter()
        TOOLS[tool](pipeline, frames, Path(made) / "all")
        print(time.perf_counter() - begun, peak_mb(), start)


def evaluate(pipeline: "Pipeline", frames: list["Frame"], output: Path) -> None:
    """Score them."""
    from nerveceg.evaluation.evaluate import evaluate

    del output
    evaluate(pipeline, frames, resamples=20, progress=False)


def infer(pipeline: "Pipeline", frames: list["Frame"], output: Path) -> None:
    """Predict them, and write masks and tables."""
    from nerveceg.inference import predict_frames
    from nerveceg.outputs.predictions import PredictionWriter

    with PredictionWriter(output, overlays=False, overwrite=False) as writer:
        predict_frames(pipeline, frames, watch=writer.write, progress=False)
        writer.finish()


TOOLS = {"infer": infer, "evaluate": evaluate}


def peak_mb() -> float:
    """Most memory that this process has held."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**10 if sys.platform != "darwin" else peak / 2**20


def measure(tool: str, folder: Path, count: int) -> Cost:
    """The cost of the folder's `count` frames."""
    done = subprocess.run(
        [sys.executable, __file__, "--folder", folder, "--tool", tool],
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
    parser.add_argument("--tools", default=",".join(TOOLS))
    parser.add_argument("--full", action="store_true", help="up to 50,000 frames")
    parser.add_argument("--quick", action="store_true", help="tiny: only shows that it runs")
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--tool", choices=TOOLS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.folder:
        run_on(options.folder, options.tool)
        return
    import torch

    sizes = [500, 1500, 5000, *([15000, 50000] if options.full else [])]
    sizes = [16, 24] if options.quick else sizes
    print(
        f"one core, {platform.processor() or platform.machine()}, Python "
        f"{platform.python_version()}, torch {torch.__version__}; at most {LIMIT_KB:.0f} KB for "
        f"each further frame and {LIMIT_GB:.0f} GB beyond the models are wanted"
    )
    with tempfile.TemporaryDirectory() as made:
        folder, subjects = Path(made), 4 if options.quick else 125
        write_phantom(folder / "set", subjects=subjects, frames_per_subject=4, progress=False)
        source = folder / "set" / "train"
        for size in sizes:
            link_frames(source, folder / str(size), size)
        for tool in options.tools.split(","):
            print(tool)
            print_costs([measure(tool, folder / str(size), size) for size in sizes])


if __name__ == "__main__":
    main()
