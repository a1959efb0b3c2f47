"""Whether a trained pipeline draws the same masks, and gets the same Dice, under each engine.

    python benchmarks/agreement.py RUN FRAMES [--most 144]

RUN is a run with both stages, FRAMES a folder of labelled frames; those of subjects that it has not
seen are scored. Some of them calibrate the int8 networks, without their truth. The masks of
torch at float32 are what the others are held against.
"""

import argparse
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nerveceg.data.frames import find_frames
from nerveceg.data.images import read_image, read_mask
from nerveceg.engines import Compiled, Engine, OnnxRuntime, OpenVino
from nerveceg.engines.open_vino import has_bfloat16
from nerveceg.evaluation.cost import processor_in_words
from nerveceg.evaluation.counts import Counts, dice
from nerveceg.exported import ExportedPipeline
from nerveceg.exported.writing import export_pipeline
from nerveceg.inference import scorable
from nerveceg.pipeline import Pipeline
from nerveceg.prediction import Grey, Prediction
from nerveceg.runtime import Runtime

TOGETHER = 4
CALIBRATION = 128
CPU = Runtime(device="cpu", precision="float32")
LIMITS = {"bfloat16": 0.002, "int8": 0.005}
PIXELS = 1
ENGINES: dict[str, Callable[[], Engine]] = {
    "compile float32": Compiled,
    "onnxruntime float32": OnnxRuntime,
    "openvino float32": OpenVino,
}
if has_bfloat16():
    ENGINES["openvino bfloat16"] = partial(OpenVino, precision="bfloat16")
SMALL: dict[str, Callable[[], OnnxRuntime | OpenVino]] = {
    "onnxruntime int8": partial(OnnxRuntime, precision="int8"),
    "openvino int8": partial(OpenVino, precision="int8"),
}
Mask = NDArray[np.bool_]


def predict(each: Callable[[list[Grey]], list[Prediction]], images: list[Grey]) -> list[Mask]:
    """The masks of all frames, bool [H, W]."""
    batches = [images[first : first + TOGETHER] for first in range(0, len(images), TOGETHER)]
    return [found.mask for batch in batches for found in each(batch)]


def mean_dice(masks: Sequence[Mask], truths: Sequence[Mask]) -> float:
    """Mean over frames; both empty is 1."""
    pairs = zip(masks, truths, strict=True)
    counts = [((mask & truth).sum(), mask.sum(), truth.sum()) for mask, truth in pairs]
    hits, area, truth_area = np.array(counts).T
    return float(dice(Counts(hits, area), truth_area).mean())


def others(run: Path, images: list[Grey], folder: Path) -> Iterator[tuple[str, list[Mask]]]:
    """Each engine's name and masks."""
    for name, make in ENGINES.items():
        pipeline = Pipeline.from_pretrained(run, runtime=CPU, engine=make())
        yield name, predict(pipeline.predict_batch, images)
    some = images[:: max(1, len(images) // CALIBRATION)]
    export_pipeline(Pipeline.from_pretrained(run, runtime=CPU), folder, calibrate_on=some)
    for name, small in SMALL.items():
        yield name, predict(ExportedPipeline(folder, engine=small()).predict_batch, images)


def print_agreement(run: Path, frames: Path, most: int) -> None:
    """A line an engine, drawing nothing first."""
    pipeline = Pipeline.from_pretrained(run, runtime=CPU)
    scored = scorable(pipeline, find_frames(frames))[:most]
    if not scored:
        raise SystemExit(f"{frames}: it has no frame with a truth that {run} wasn't trained on")
    images = [read_image(frame.image) for frame in scored]
    truths = [read_mask(frame, image.shape) for frame, image in zip(scored, images, strict=True)]
    print(f"{len(scored)} frames, {processor_in_words(CPU)}")
    empty = [np.zeros_like(truth) for truth in truths]
    print(f"{'drawing nothing':22} Dice {mean_dice(empty, truths):.4f}")
    expected = predict(pipeline.predict_batch, images)
    print(f"{'torch float32':22} Dice {mean_dice(expected, truths):.4f}")
    with tempfile.TemporaryDirectory() as folder:
        for name, masks in others(run, images, Path(folder) / "int8"):
            away = mean_dice(masks, truths) - mean_dice(expected, truths)
            found = difference(masks, expected)
            print(f"{name:22} Dice {mean_dice(masks, truths):.4f}, {away:+.4f}, {found}")
    print(f"limits: Dice within {LIMITS}, at float32 {PIXELS} of 10,000 pixels")


def difference(masks: list[Mask], expected: list[Mask]) -> str:
    """How far masks are from the expected ones, in words."""
    pairs = list(zip(masks, expected, strict=True))
    wrong = sum(int((mask != other).sum()) for mask, other in pairs)
    pixels = sum(mask.size for mask in expected)
    turned = sum(bool(mask.any()) != bool(other.any()) for mask, other in pairs)
    return f"{1e4 * wrong / pixels:.3f} of 10,000 pixels differ, {turned} frames drawn by one alone"


def main() -> None:
    """Compare all engines that there are."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, nargs="?", default=Path("runs/demo"))
    parser.add_argument("frames", type=Path, nargs="?", default=Path("data/starter_unseen/train"))
    parser.add_argument("--most", type=int, default=10**9, help="frames")
    options = parser.parse_args()
    for needed in (options.run, options.frames):
        if not needed.exists():
            print(f"agreement: not measured, there is no {needed}")
            return
    print_agreement(options.run, options.frames, options.most)


if __name__ == "__main__":
    main()
