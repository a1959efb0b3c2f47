"""Files to mask files by ours under each engine, against the plain loop over timm and smp.

    python benchmarks/infer.py [--frames 64] [--repeats 5] [--engines torch,onnxruntime,openvino]
        [--int8 onnxruntime,openvino] [--size 256 352] [--batch-size 4] [--quick]

The plain loop is what one writes first: batch 1, eager, gate and segmenter on every frame. Ours
gates every frame and segments the 41 % that may pass, in batches. Both have an EfficientNet-B4 and
a U-Net/ResNet34 of random weights, decode 420 x 580 TIFF files and write PNG masks. Repetitions are
interleaved; medians are printed, and how long the networks' operations would take at the measured
rate of matrix products.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import segmentation_models_pytorch as smp
import timm
import torch
from matrix_rate import print_limits
from PIL import Image
from torch import nn
from torch.nn.functional import interpolate

from nerveceg.arrays import Array, like
from nerveceg.background import Errands, ahead
from nerveceg.data.frames import Frame, find_frames
from nerveceg.data.geometry import Geometry
from nerveceg.data.images import read_image
from nerveceg.decision import Rule
from nerveceg.engines import Compiled, Eager, Engine, OnnxRuntime, OpenVino
from nerveceg.errors import NerveCegError
from nerveceg.evaluation.cost import processor_in_words
from nerveceg.exported import ExportedPipeline
from nerveceg.exported.writing import export_pipeline
from nerveceg.inference import predict_frames
from nerveceg.models.classifier import Classifier
from nerveceg.models.member import Member
from nerveceg.models.networks import Network, Networks
from nerveceg.models.segmenter import Segmenter
from nerveceg.models.two_heads import TwoHeads
from nerveceg.outputs.masks import write_mask
from nerveceg.pipeline import Pipeline
from nerveceg.runtime import Runtime

NATIVE = (420, 580)
PASSING = 0.41
WANTED = {"float32": 2.2, "bfloat16": 4.0, "int8": 6.0}
CALIBRATION = 16
ALONE = 9
ENGINES: dict[str, tuple[Callable[..., Engine], tuple[str, ...]]] = {
    "torch": (Eager, ("float32", "bfloat16")),
    "compile": (Compiled, ("float32", "bfloat16")),
    "onnxruntime": (OnnxRuntime, ("float32",)),
    "openvino": (OpenVino, ("float32", "bfloat16")),
}


def write_frames(folder: Path, count: int) -> list[Frame]:
    """Smooth random frames as TIFF files."""
    generator = np.random.default_rng(0)
    for number in range(count):
        coarse = generator.integers(0, 256, (42, 58), dtype=np.uint8)
        frame = Image.fromarray(coarse).resize(NATIVE[::-1], Image.Resampling.BICUBIC)
        frame.save(folder / f"1_{number + 1}.tif")
    return find_frames(folder)


class PlainLoop:
    """Both networks on every frame, one after the other."""

    def __init__(self, size: tuple[int, int]) -> None:
        self.size = size
        self.gate = timm.create_model("tf_efficientnet_b4", in_chans=1, num_classes=1).eval()
        self.segmenter = smp.Unet("resnet34", encoder_weights=None, in_channels=1).eval()

    @torch.no_grad()
    def run(self, frames: list[Frame], output: Path) -> None:
        """Predict and write the masks."""
        for frame in frames:
            pixels = np.array(Image.open(frame.image)).astype(np.float32) / 255
            image = torch.from_numpy(pixels)[None, None]
            image = interpolate(image, self.size, mode="bilinear", antialias=True)
            present = self.gate(image).sigmoid() > 0.5
            probability = _disk(self.segmenter(image).shape).sigmoid()
            mask = interpolate(probability, NATIVE, mode="bilinear")[0, 0] > 0.5
            drawn = (mask & present).numpy().astype(np.uint8) * 255
            Image.fromarray(drawn).save(output / f"{frame.id}.png")


class Watch:
    """How long the networks of each stage take."""

    def __init__(self) -> None:
        self.spent = dict.fromkeys(("cls", "seg"), 0.0)

    def __call__(self, network: Network, stage: str) -> Network:
        """The network, watched."""

        def run(image: Array) -> Array:
            start = time.perf_counter()
            logits = network(image)
            self.spent[stage] += time.perf_counter() - start
            assert not isinstance(logits, TwoHeads)  # noqa: S101
            # A random mask is speckle, of more components than a nerve: a disk costs what it does.
            return logits if stage == "cls" else like(_disk(logits.shape), logits)

        return run


class Watched:
    """An engine whose networks' time is taken."""

    def __init__(self, engine: Engine, watch: Watch) -> None:
        self.engine, self.name, self.watch = engine, engine.name, watch
        self.place, self.describe = engine.place, engine.describe

    def load(self, network: nn.Module, runtime: Runtime) -> Network:
        """The engine's own network, watched."""
        stage = "cls" if isinstance(network, Classifier) else "seg"
        return self.watch(self.engine.load(network, runtime), stage)


class Ours:
    """A pipeline under an engine; knows how long its networks took."""

    def __init__(
        self, member: Member, engine: Engine, *, size: tuple[int, int], batch_size: int
    ) -> None:
        self.watch = Watch()
        self.pipeline = Pipeline(
            [member],
            geometry=Geometry(size=size),
            rule=Rule(presence=0.5),
            runtime=Runtime(device="cpu", batch_size=batch_size),
            engine=Watched(engine, self.watch),
        )

    def run(self, frames: list[Frame], output: Path) -> None:
        """Predict and write the masks; 41 % of the frames pass the gate."""
        self.watch.spent = dict.fromkeys(self.watch.spent, 0.0)
        errands = Errands()
        said = {frame.id: float(opens(number)) for number, frame in enumerate(frames)}
        predict_frames(
            self.pipeline,
            frames,
            watch=lambda reading, found: errands.give(
                partial(write_mask, output / f"{reading.frame.id}.png", found.mask)
            ),
            presence=said,
            progress=False,
        )
        errands.finish()
        errands.drop()


class Small:
    """A folder exported in int8, under an engine."""

    def __init__(self, folder: Path, engine: OnnxRuntime | OpenVino, *, batch_size: int) -> None:
        self.watch, self.batch_size = Watch(), batch_size
        self.pipeline = ExportedPipeline(folder, engine=engine)
        self.pipeline._networks = [
            Networks(self.watch(each.classifier, "cls"), self.watch(each.segmenter, "seg"))
            for each in self.pipeline._networks
            if each.classifier is not None
        ]

    def run(self, frames: list[Frame], output: Path) -> None:
        """Predict and write the masks; 41 % of the frames pass the gate."""
        self.watch.spent = dict.fromkeys(self.watch.spent, 0.0)
        errands, steps = Errands(), range(0, len(frames), self.batch_size)
        batches = (frames[first : first + self.batch_size] for first in steps)
        read = ((batch, [read_image(frame.image) for frame in batch]) for batch in batches)
        for first, (batch, images) in zip(steps, ahead(read), strict=True):
            said = [float(opens(first + place)) for place in range(len(batch))]
            found = self.pipeline.predict_batch(images, presence=said)
            for frame, one in zip(batch, found, strict=True):
                errands.give(partial(write_mask, output / f"{frame.id}.png", one.mask))
        errands.finish()
        errands.drop()


def opens(number: int) -> bool:
    """Whether the gate opens for the frame of that number: evenly, for 41 % of them."""
    return int((number + 1) * PASSING) > int(number * PASSING)


def _disk(shape: tuple[int, ...]) -> torch.Tensor:
    rows, columns = torch.meshgrid(
        *(torch.linspace(-1, 1, side) for side in shape[-2:]), indexing="ij"
    )
    return (0.15 - rows**2 - columns**2).mul(20).expand(shape)


def engines(names: list[str], only: tuple[str, ...] = ()) -> Iterator[tuple[str, Engine]]:
    """The engines that this machine has, at each precision or some."""
    for name in names:
        make, precisions = ENGINES[name]
        for precision in only or precisions:
            try:
                yield f"{name} {precision}", make(precision=precision)
            except NerveCegError as error:
                print(f"{name} {precision}: not measured, {error}")


def seconds(work: Callable[[], object]) -> float:
    """How long it takes once."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def measure(options: argparse.Namespace, folder: Path) -> None:
    """Run the plain loop and every engine in turn, and print the medians."""
    size = (options.size[0], options.size[1])
    frames = write_frames(folder, options.frames)
    torch.manual_seed(0)
    gate, segmenter = Classifier("tf_efficientnet_b4"), Segmenter("Unet", encoder="resnet34")
    member = Member(gate, segmenter)
    plain = PlainLoop(size)
    ours: dict[str, Ours | Small] = {
        name: Ours(member, engine, size=size, batch_size=options.batch_size)
        for name, engine in engines(options.engines.split(","))
    }
    plain.run(frames[:1], folder)
    small = folder / "int8"
    if options.int8:
        images = [read_image(frame.image) for frame in frames[:CALIBRATION]]
        export_pipeline(next(iter(ours.values())).pipeline, small, calibrate_on=images)
        for name, engine in engines(options.int8.split(","), ("int8",)):
            assert isinstance(engine, OnnxRuntime | OpenVino)  # noqa: S101
            ours[name] = Small(small, engine, batch_size=options.batch_size)
    for each in ours.values():
        each.run(frames, folder)  # traced and compiled now
    times: dict[str, list[float]] = {"plain loop": [], **{name: [] for name in ours}}
    networks: dict[str, list[tuple[float, float]]] = {name: [] for name in ours}
    for _ in range(options.repeats):
        times["plain loop"].append(seconds(lambda: plain.run(frames, folder)))
        for name, each in ours.items():
            times[name].append(seconds(partial(each.run, frames, folder)))
            networks[name].append((each.watch.spent["cls"], each.watch.spent["seg"]))
    print_head(options)
    print_limits({"B4": gate, "U-Net": segmenter}, size)
    print_rows(times, networks, options.frames)
    for name, engine in engines(options.engines.split(",")):
        print_alone(name, engine, member, size, options.batch_size)


def print_head(options: argparse.Namespace) -> None:
    """What was measured, where, with which versions."""
    versions = ", ".join(
        f"{name} {version(name)}"
        for name in ("torch", "timm", "segmentation-models-pytorch", "onnxruntime", "openvino")
        if find_spec(name.replace("-", "_"))
    )
    print(
        f"{options.frames} frames of {NATIVE[0]} x {NATIVE[1]} at {options.size[0]} x "
        f"{options.size[1]}, batches of {options.batch_size}, {options.repeats} repetitions, "
        f"{processor_in_words(Runtime(device='cpu', precision='float32'))}\n{versions}"
    )


def print_rows(
    times: dict[str, list[float]], networks: dict[str, list[tuple[float, float]]], count: int
) -> None:
    """Milliseconds a frame, the ratio to the plain loop, and where the time went."""
    passed = sum(opens(number) for number in range(count))
    base = statistics.median(times["plain loop"])
    for name, spent in times.items():
        median = statistics.median(spent)
        ratio = base / median
        print(
            f"{name:22} {1e3 * median / count:7.1f} ms a frame, {ratio:5.2f} x the plain loop",
            end="",
        )
        if name in networks:
            gate, segmenter = np.median(networks[name], axis=0)
            print(
                f" (wanted {WANTED[name.split()[1]]}), B4 {1e3 * gate / count:.1f} ms a frame, "
                f"U-Net {1e3 * segmenter / passed:.1f} ms each of {passed} that pass, "
                f"{1 - (gate + segmenter) / median:.0%} outside both (limit 15%)",
                end="",
            )
        print()


def print_alone(
    name: str, engine: Engine, member: Member, size: tuple[int, int], batch_size: int
) -> None:
    """How long each network takes when nothing else runs."""
    frames, runtime = torch.rand(batch_size, 1, *size), Runtime(device="cpu")
    runtime.place(member.eval())
    said = []
    for word, module in (("B4", member.classifier), ("U-Net", member.segmenter)):
        assert module is not None  # noqa: S101
        network = engine.load(module, engine.place(runtime))
        network(frames)
        spent = statistics.median(seconds(partial(network, frames)) for _ in range(ALONE))
        said.append(f"{word} {1e3 * spent / batch_size:.1f} ms")
    print(f"{name:22} alone: {', '.join(said)} a frame")


def main() -> None:
    """Time both ways in turn, again and again, and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=4)
    parser.add_argument("--size", type=int, nargs=2, default=(256, 352))
    parser.add_argument("--engines", default="torch,onnxruntime,openvino")
    parser.add_argument("--int8", default="onnxruntime,openvino", help="engines of an int8 folder")
    parser.add_argument("--quick", action="store_true", help="tiny: only shows that it runs")
    options = parser.parse_args()
    if options.quick:
        options.frames, options.repeats, options.size = 4, 1, (64, 96)
        options.int8 = ""
    with tempfile.TemporaryDirectory() as folder:
        measure(options, Path(folder))


if __name__ == "__main__":
    main()
