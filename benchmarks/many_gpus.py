"""Past one machine on paper: what moves where, from the code's own sizes and stated assumptions.

    python benchmarks/many_gpus.py [--frames 1000000] [--gpus 100] [--machine 8] [--teraflops 12]
        [--network 12.5] [--storage 5]

Bytes, parameters and operations come from the networks and rows of this code; how fast a GPU
computes (teraflops sustained), a machine's network and the storage that all share (GB/s each) are
assumed. Decoding and augmenting are timed on one core of this machine.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from nerveceg.data.dataset import FrameDataset
from nerveceg.data.decoding import Decoder
from nerveceg.data.frames import Frame, find_frames
from nerveceg.data.geometry import Geometry
from nerveceg.data.phantom import write_phantom
from nerveceg.evaluation.counts import STEPS
from nerveceg.evaluation.tally import CLEAN_STEPS
from nerveceg.models.classifier import Classifier
from nerveceg.models.segmenter import Segmenter
from nerveceg.tools.command import compose
from nerveceg.tools.composition import build

GEOMETRY = Geometry(size=(256, 352))
NATIVE = (420, 580)
BACKWARD = 3
"""Operations of forward and backward pass, in forward passes."""


class Stage(NamedTuple):
    """A network and the frames of one GPU's batch, as conf/cls and conf/seg have them."""

    name: str
    model: nn.Module
    batch: int


def stages() -> list[Stage]:
    """The networks that the tools train unless told otherwise."""
    gate = Classifier("tf_efficientnet_b4", dropout=0.3, drop_path=0.2)
    segmenter = Segmenter("Unet", encoder="tu-tf_efficientnet_b4")
    return [Stage("B4 gate", gate, 16), Stage("U-Net on B4", segmenter, 8)]


def weights_of(model: nn.Module) -> int:
    """Bytes of the trainable weights, float32; their gradients take the same."""
    return 4 * sum(weight.numel() for weight in model.parameters())


def operations_of(model: nn.Module) -> float:
    """Floating-point operations of a frame's forward pass."""
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        model.eval()(torch.zeros(1, 1, *GEOMETRY.size))
    return float(counter.get_total_flops())


def one_frame(folder: Path) -> Frame:
    """A phantom frame on disk."""
    write_phantom(folder, subjects=1, frames_per_subject=1, progress=False)
    return find_frames(folder / "train")[0]


def seconds_of(work: Callable[[], object]) -> float:
    """Median seconds of nine times on one core, after one that isn't timed."""
    work()
    spent = []
    for _ in range(9):
        begun = time.perf_counter()
        work()
        spent.append(time.perf_counter() - begun)
    return statistics.median(spent)


def preparation(frame: Frame) -> tuple[float, float]:
    """Seconds a frame takes from file to row, once, and from row to augmented, in each epoch."""
    augment = build(compose([]).augment)
    dataset = FrameDataset([frame], geometry=GEOMETRY, augment=augment, progress=False)
    decoder = Decoder(GEOMETRY, None)
    return seconds_of(lambda: decoder(frame)), seconds_of(lambda: dataset[0, 0])


def describe_frame(frame: Frame, options: Any) -> None:
    """What one frame takes at each stop, and all of them."""
    height, width = GEOMETRY.size
    assert isinstance(frame.mask, Path)  # noqa: S101
    stops = {
        "on disk, image and mask": sum(p.stat().st_size for p in (frame.image, frame.mask)),
        "decoded at native pixels": NATIVE[0] * NATIVE[1],
        "cached row at the networks' size": Decoder(GEOMETRY, None).kind.itemsize,
        "in a batch on the GPU": 4 * height * width,
        "in the tally": 4 * (2 * (STEPS - 1) + 2 * (CLEAN_STEPS - 1) + 5),
    }
    for name, size in stops.items():
        print(f"{name:34s}{size:9,d} bytes a frame {size * options.frames / 1e9:9.1f} GB in all")


def ring_seconds(size: float, members: int, bandwidth: float) -> float:
    """Seconds of a ring all-reduce: 2 (n - 1) / n of the bytes leave and reach each member."""
    return 2 * (members - 1) / members * size / bandwidth


def describe_stage(stage: Stage, options: Any, *, augment: float) -> None:
    """Bytes, seconds and reads of a step; augment: seconds a frame on one core."""
    size, machines = weights_of(stage.model), -(-options.gpus // options.machine)
    work = BACKWARD * operations_of(stage.model) * stage.batch
    compute = work / (options.teraflops * 1e12)
    reduce = ring_seconds(size, machines, options.network * 1e9)
    rate = options.gpus * stage.batch / max(compute, reduce)
    row = Decoder(GEOMETRY, None).kind.itemsize
    print(
        f"{stage.name}: {size / 4e6:.1f} M weights, {work / 1e9:.0f} GFLOP a step of "
        f"{stage.batch} frames\n"
        f"  weights file {size / 1e6:.0f} MB, state {4 * size / 1e6:.0f} MB (weights, average, two "
        f"moments), gradients {size / 1e6:.0f} MB a step and GPU\n"
        f"  a step computes {1000 * compute:.1f} ms; all-reduce over {machines} machines "
        f"{1000 * reduce:.1f} ms, {reduce / compute:.2f} x\n"
        f"  {rate:,.0f} frames a second, an epoch in {options.frames / rate:.0f} s; it reads "
        f"{rate * row / 1e9:.2f} GB/s of rows, {rate * row / options.storage / 1e9:.2f} x the "
        f"storage, and keeps {rate / machines * augment:.0f} cores of a machine augmenting"
    )


def main() -> None:
    """Print the plan."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=1_000_000)
    for name, value in {"gpus": 100, "machine": 8}.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    for name, figure in {"teraflops": 12.0, "network": 12.5, "storage": 5.0}.items():
        parser.add_argument(f"--{name}", type=float, default=figure)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{options.frames:,d} frames, {options.gpus} GPUs, {options.machine} a machine")
    with tempfile.TemporaryDirectory() as folder:
        frame = one_frame(Path(folder, "phantom"))
        describe_frame(frame, options)
        decode, augment = preparation(frame)
    print(
        f"decoding {1000 * decode:.1f} ms a frame, {decode * options.frames / 3600:.1f} core hours"
    )
    print(f"augmenting {1000 * augment:.1f} ms a frame and epoch")
    for stage in stages():
        describe_stage(stage, options, augment=augment)


if __name__ == "__main__":
    main()
