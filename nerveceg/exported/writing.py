"""A trained pipeline to a folder that predicts without torch."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nerveceg.engines.graph import trace, trace_filter
from nerveceg.errors import NerveCegError
from nerveceg.exported.contents import Contents, Graphs
from nerveceg.exported.quantisation import Batches, quantise, seen_by_stage
from nerveceg.files import write_bytes, write_text

if TYPE_CHECKING:
    from torch import nn

    from nerveceg.pipeline import Pipeline
    from nerveceg.prediction import Grey
    from nerveceg.views import View

README = """A NerveCeg pipeline, exported: it predicts without torch.

Research use only; not a medical device; not for guiding a needle.

    pip install --no-deps PATH_OF_NERVECEG
    pip install numpy scipy pillow array-api-compat onnxruntime
    python -m nerveceg.exported . FRAMES PREDICTIONS

PATH_OF_NERVECEG is the checkout, or the wheel, of the version that exported. FRAMES is an image, a
folder or a glob; PREDICTIONS gets masks/ and predictions.csv. With openvino installed, --engine
openvino runs it there. From Python:

    from nerveceg.exported import ExportedPipeline
    presence, mask, *_ = ExportedPipeline(".").predict("frame.png")

pipeline.json names the files with their sha256, the geometry, the calibration and the rule.
"""
LICENSE = """The code that wrote and reads this folder is NerveCeg, under the Apache License 2.0:
http://www.apache.org/licenses/LICENSE-2.0

The networks are under the terms of those who trained them and whose data they were trained on.
Research use only; not a medical device.
"""


def export_pipeline(
    pipeline: "Pipeline",
    folder: Path | str,
    *,
    calibrate_on: "Sequence[Grey]" = (),
    overwrite: bool = False,
) -> Contents:
    """Write a folder from which `ExportedPipeline` predicts what the pipeline does.

    calibrate_on: frames, uint8 [H, W], that no network was trained on; with any, the networks run
        in int8, by the values that these frames give rise to.

    Raises:
        NerveCegError: the folder is there already, or the extra for ONNX isn't installed.
    """
    views = {_size_of(view, pipeline.geometry.size): view for view in pipeline.ensemble.views}
    seen = seen_by_stage(pipeline, calibrate_on, views) if calibrate_on else {}
    with _whole(Path(folder), overwrite=overwrite) as place:
        members = tuple(
            Graphs(
                None
                if member.classifier is None
                else _write(place, f"{name}cls", member.classifier, views, seen),
                _write(place, f"{name}seg", member.segmenter, views, seen),
            )
            for name, member in zip(_names(pipeline), pipeline.ensemble.members, strict=True)
        )
        contents = Contents(
            geometry=pipeline.geometry,
            members=members,
            precision="int8" if seen else "float32",
            views=pipeline.ensemble.views,
            calibration=pipeline.calibration,
            rule=pipeline.rule,
            filter=_write_filter(place, pipeline),
            shape_priors=_write_priors(place, pipeline),
        )
        write_text(place / "README.txt", README)
        write_text(place / "LICENSE.txt", LICENSE)
        contents.write(place)
    return contents


def _names(pipeline: "Pipeline") -> list[str]:
    count = len(pipeline.ensemble.members)
    return [""] if count == 1 else [f"fold_{number}_" for number in range(count)]


def _size_of(view: "View", size: tuple[int, int]) -> tuple[int, int]:
    """Height and width of a view of frames of `size`."""
    return round(size[0] * view.scale), round(size[1] * view.scale)


def _write(
    folder: Path,
    name: str,
    network: "nn.Module",
    sizes: "dict[tuple[int, int], View]",
    seen: dict[tuple[str, tuple[int, int]], Batches],
) -> dict[str, str]:
    """A graph for each size of the views; their names by size."""
    written = {}
    for height, width in sizes:
        graph = trace(network, (height, width))
        if seen:
            graph = quantise(graph, seen[name[-3:], (height, width)])
        size = f"{height}x{width}"
        written[size] = f"{name}_{size}.onnx"
        write_bytes(folder / written[size], graph)
    return written


def _write_filter(folder: Path, pipeline: "Pipeline") -> str | None:
    if pipeline.filter is None:
        return None
    write_bytes(folder / "filter.onnx", trace_filter(pipeline.filter))
    return "filter.onnx"


def _write_priors(folder: Path, pipeline: "Pipeline") -> tuple[str, ...]:
    names = []
    for number, prior in enumerate(pipeline.shape_priors):
        names.append(f"shape_prior_{number}.npz")
        np.savez(folder / names[-1], mean=prior.mean, components=prior.components)
    return tuple(names)


@contextmanager
def _whole(folder: Path, *, overwrite: bool) -> Iterator[Path]:
    """A folder beside, which takes `folder`'s place when the block ends without an error."""
    if folder.exists() and not overwrite:
        raise NerveCegError(
            f"{folder} is there already: output=OTHER, or overwrite=true replaces it"
        )
    if folder.exists() and not (folder / "pipeline.json").is_file():
        raise NerveCegError(f"{folder} is no exported folder and isn't replaced: output=OTHER")
    beside = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    try:
        yield beside
        shutil.rmtree(folder, ignore_errors=True)
        beside.rename(folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
