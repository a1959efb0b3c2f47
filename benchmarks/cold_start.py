"""Seconds from the start of a process without torch to the first mask, from an exported folder.

    python benchmarks/cold_start.py [--repeats 5] [--size 256 352] [--quick]

The networks are an EfficientNet-B4 and a U-Net/ResNet34 of random weights; the gate lets the frame
pass. Each repetition starts a process under every engine in turn; medians are printed, and what of
them Python needs for its imports.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from nerveceg.data.geometry import Geometry
from nerveceg.decision import Rule
from nerveceg.evaluation.cost import processor_in_words
from nerveceg.exported.writing import export_pipeline
from nerveceg.models.classifier import Classifier
from nerveceg.models.member import Member
from nerveceg.models.segmenter import Segmenter
from nerveceg.pipeline import Pipeline
from nerveceg.runtime import Runtime

LIMIT = 2.0
NATIVE = (420, 580)
ENGINES = (("onnxruntime", "float32"), ("openvino", "float32"), ("openvino", "bfloat16"))


def prepare(folder: Path, size: tuple[int, int]) -> None:
    """An exported folder, and a frame beside it."""
    torch.manual_seed(0)
    member = Member(Classifier("tf_efficientnet_b4"), Segmenter("Unet", encoder="resnet34"))
    geometry = Geometry(size=size)
    export_pipeline(
        Pipeline([member], geometry=geometry, rule=Rule(presence=0.0)), folder / "exported"
    )
    levels = np.random.default_rng(0).integers(0, 256, NATIVE, dtype=np.uint8)
    Image.fromarray(levels).save(folder / "frame.png")


def seconds_of(*words: str | Path) -> float:
    """How long a Python process takes that is given these words."""
    start = time.perf_counter()
    subprocess.run([sys.executable, *words], check=True, capture_output=True)
    return time.perf_counter() - start


def main() -> None:
    """Start a process under every engine in turn, again and again, and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--size", type=int, nargs=2, default=(256, 352))
    parser.add_argument("--quick", action="store_true", help="tiny: only shows that it runs")
    options = parser.parse_args()
    if options.quick:
        options.repeats, options.size = 1, (64, 96)
    times: dict[str, list[float]] = {"imports": [], **{" ".join(one): [] for one in ENGINES}}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder, (options.size[0], options.size[1]))
        for _ in range(options.repeats):
            times["imports"].append(seconds_of("-c", "import nerveceg.exported.__main__"))
            for engine, precision in ENGINES:
                paths = (folder / "exported", folder / "frame.png", folder / "out")
                command = ("-m", "nerveceg.exported", *paths, "--overwrite", "--engine", engine)
                times[f"{engine} {precision}"].append(
                    seconds_of(*command, "--precision", precision)
                )
    processor = processor_in_words(Runtime(device="cpu", precision="float32"))
    print(f"{options.repeats} repetitions, {options.size[0]} x {options.size[1]}, {processor}")
    for name, spent in times.items():
        print(f"{name:22} {statistics.median(spent):5.2f} s (limit {LIMIT} s)")


if __name__ == "__main__":
    main()
