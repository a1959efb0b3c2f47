"""Frames in; masks and a table out, from an exported folder and without torch.

python -m nerveceg.exported DIR FRAMES PREDICTIONS
"""

import argparse
import csv
import io
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from nerveceg.background import Errands, ahead
from nerveceg.data.frames import Frame, find_frames
from nerveceg.data.images import read_image
from nerveceg.engines.onnx_runtime import OnnxRuntime
from nerveceg.engines.open_vino import OpenVino
from nerveceg.errors import NerveCegError
from nerveceg.exported.contents import precision_of
from nerveceg.exported.pipeline import ExportedPipeline
from nerveceg.files import write_text
from nerveceg.outputs.masks import write_mask
from nerveceg.prediction import Grey, Prediction

ENGINES: dict[str, type[OnnxRuntime] | type[OpenVino]] = {
    "onnxruntime": OnnxRuntime,
    "openvino": OpenVino,
}
MISTAKE = 2


class Row(NamedTuple):
    """A frame's line in predictions.csv; the area in native pixels."""

    id: str
    presence: str
    decision: str
    area: int
    expected: str
    spread: str


def main(words: list[str] | None = None) -> int:
    """Predict every frame; returns the exit status."""
    options = _options(words)
    try:
        if options.batch_size < 1:
            raise NerveCegError(f"--batch-size {options.batch_size}: it is 1 or more")
        pipeline = _open(options)
        output = Path(options.output)
        if (output / "predictions.csv").exists() and not options.overwrite:
            raise NerveCegError(
                f"{output} holds predictions.csv already: name another, or --overwrite"
            )
        frames = find_frames(options.input)
        rows = list(_predict(pipeline, frames, output, options.batch_size))
    except NerveCegError as error:
        print("error:", " ".join(str(error).split()), file=sys.stderr)
        return MISTAKE
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([Row._fields, *rows])
    write_text(output / "predictions.csv", text.getvalue())
    drawn = sum(row.area > 0 for row in rows)
    print(f"{len(rows)} frames, {drawn} with a mask, by {pipeline.engine.describe()}: {output}")
    return 0


def _options(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m nerveceg.exported", description=__doc__)
    parser.add_argument("folder", help="what tools/export.py wrote")
    parser.add_argument("input", help="an image, a folder or a glob of frames")
    parser.add_argument("output", help="gets masks/ and predictions.csv")
    parser.add_argument("--engine", choices=ENGINES, default="onnxruntime")
    parser.add_argument("--precision", choices=("float32", "bfloat16", "int8"))
    parser.add_argument("--threads", type=int, help="of one network; one a core if not given")
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--overwrite", action="store_true")
    return parser.parse_args(words)


def _open(options: argparse.Namespace) -> ExportedPipeline:
    precision = options.precision or precision_of(Path(options.folder))
    engine = ENGINES[options.engine](precision=precision, threads=options.threads)
    return ExportedPipeline(options.folder, engine=engine)


def _predict(
    pipeline: ExportedPipeline, frames: list[Frame], output: Path, batch_size: int
) -> Iterator[Row]:
    """Have each frame's mask written; yields its line."""
    errands = Errands()
    try:
        for batch, images in ahead(_decoded(frames, batch_size)):
            predictions = pipeline.predict_batch(images)
            for frame, prediction in zip(batch, predictions, strict=True):
                file = output / "masks" / f"{frame.id}.png"
                errands.give(partial(write_mask, file, prediction.mask))
                yield _row(frame.id, prediction)
        errands.finish()
    finally:
        errands.drop()


def _decoded(frames: list[Frame], batch_size: int) -> Iterator[tuple[list[Frame], list[Grey]]]:
    for first in range(0, len(frames), batch_size):
        batch = frames[first : first + batch_size]
        yield batch, [read_image(frame.image) for frame in batch]


def _row(name: str, prediction: Prediction) -> Row:
    area = int(prediction.mask.sum())
    numbers = (prediction.presence, prediction.expected, prediction.spread)
    presence, expected, spread = (f"{number:.4f}" for number in numbers)
    return Row(name, presence, "nerve" if area else "none", area, expected, spread)


if __name__ == "__main__":
    sys.exit(main())
