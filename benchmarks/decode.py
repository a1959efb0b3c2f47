"""Frames on disk to the networks' size: the strict reader against plain ones, and the cache.

    python benchmarks/decode.py [--frames 96] [--repeats 7] [--quick]

Each way gives images and masks of one size from TIFF files of 420 x 580. `cache, first start`
decodes and writes the memory map, `cache, next start` checks and maps it, also for another stage or
fold; both then read every frame. Repetitions are interleaved; medians are printed. One core.
"""

import argparse
import platform
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import PIL
import torch
from PIL import Image

from nerveceg.data.cache import Cache
from nerveceg.data.dataset import FrameDataset
from nerveceg.data.decoding import Decoder
from nerveceg.data.frames import Frame, find_frames
from nerveceg.data.geometry import Geometry
from nerveceg.data.phantom import write_phantom

GEOMETRY = Geometry()
WIDE = GEOMETRY.size[::-1]
LIMIT = 5.0
REFERENCE = "OpenCV"


def by_opencv(frames: list[Frame]) -> None:
    """Read and resize as it is usually done."""
    for frame in frames:
        image, mask = (
            cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in (frame.image, frame.mask)
        )
        cv2.resize(image, WIDE, interpolation=cv2.INTER_AREA)
        cv2.resize(mask, WIDE, interpolation=cv2.INTER_NEAREST)


def by_pillow(frames: list[Frame]) -> None:
    """The same with Pillow."""
    for frame in frames:
        with Image.open(frame.image) as image, Image.open(str(frame.mask)) as mask:
            np.array(image.convert("L").resize(WIDE, Image.Resampling.BILINEAR))
            np.array(mask.convert("L").resize(WIDE, Image.Resampling.NEAREST))


def strictly(frames: list[Frame]) -> None:
    """Refuse what is damaged, resize alike in training and inference, keep the checksum."""
    decoder = Decoder(GEOMETRY, None)
    for frame in frames:
        decoder(frame)


def through_cache(frames: list[Frame], *, folder: Path, anew: bool) -> None:
    """Open the data set, then read every frame once."""
    if anew:
        shutil.rmtree(folder, ignore_errors=True)
    cache = Cache(kind="disk", folder=folder)
    dataset = FrameDataset(frames, geometry=GEOMETRY, cache=cache, progress=False)
    for place in range(len(dataset)):
        dataset[0, place]


def ways_in(folder: Path) -> dict[str, Callable[[list[Frame]], None]]:
    """Every way by its name; the cache lies in the folder."""
    cache = partial(through_cache, folder=folder / "cache")
    return {
        REFERENCE: by_opencv,
        "Pillow": by_pillow,
        "strict reader": strictly,
        "cache, first start": partial(cache, anew=True),
        "cache, next start": partial(cache, anew=False),
    }


def measure(frames: list[Frame], folder: Path, repeats: int) -> dict[str, float]:
    """Seconds of each way, medians of interleaved repetitions."""
    ways = ways_in(folder)
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for repetition in range(repeats + 1):
        for name, way in ways.items():
            begun = time.perf_counter()
            way(frames)
            if repetition:  # the first one warms the files and the libraries up
                seconds[name].append(time.perf_counter() - begun)
    return {name: statistics.median(times) for name, times in seconds.items()}


def main() -> None:
    """Print a line a way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=96)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="tiny: only shows that it runs")
    options = parser.parse_args()
    if options.quick:
        options.frames, options.repeats = 8, 1
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    print(
        f"{options.frames} frames of 420 x 580 to {GEOMETRY.size[0]} x {GEOMETRY.size[1]}, "
        f"{options.repeats} repetitions, {platform.processor() or platform.machine()}, torch "
        f"{torch.__version__}, Pillow {PIL.__version__}, OpenCV {cv2.__version__}; a next start is "
        f"to take {LIMIT:.0f} x less than a first one"
    )
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        subjects = max(2, options.frames // 4)
        write_phantom(folder / "set", subjects=subjects, frames_per_subject=4, progress=False)
        frames = find_frames(folder / "set" / "train")[: options.frames]
        medians = measure(frames, folder, options.repeats)
    for name, seconds in medians.items():
        rate = f"{len(frames) / seconds:8.0f} frames a second"
        print(f"{name:20} {rate}, {medians[REFERENCE] / seconds:6.2f} x {REFERENCE}'s speed")
    ratio = medians["cache, first start"] / medians["cache, next start"]
    print(f"a next start takes {ratio:.1f} x less than a first one")


if __name__ == "__main__":
    main()
