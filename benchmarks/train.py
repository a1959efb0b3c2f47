"""Training throughput of both stages against the loop that a user would write.

    python benchmarks/train.py [--frames 48] [--batch 8] [--repeats 3] [--precision auto] [--quick]

The plain loop reads each frame with OpenCV, resizes it, augments it and repeats it to three
channels in each epoch, in DataLoader workers, and trains timm's EfficientNet-B4 and smp's
U-Net/ResNet34 eagerly in float32. Ours trains the same networks on one channel through the
project's own loop, with its moving average, clipping and checks. Epochs are interleaved; medians
are printed.
"""

import argparse
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import albumentations
import cv2
import numpy as np
import segmentation_models_pytorch as smp
import timm
import torch
import yaml
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from nerveceg.data.augment import Gain, Speckle, compose
from nerveceg.data.cache import Cache
from nerveceg.data.dataset import FrameDataset
from nerveceg.data.frames import Frame, find_frames
from nerveceg.data.geometry import Geometry
from nerveceg.data.phantom import write_phantom
from nerveceg.models.classifier import Classifier
from nerveceg.models.segmenter import Segmenter
from nerveceg.runtime import Runtime
from nerveceg.training.checkpointing import Keeper, States
from nerveceg.training.interruption import Interruption
from nerveceg.training.losses import BceDice
from nerveceg.training.objectives import MaskObjective, Objective, PresenceObjective
from nerveceg.training.run import Run
from nerveceg.training.schedules import constant

LIMIT = 1.3
AUGMENT = Path(__file__).parents[1] / "conf" / "augment" / "ultrasound.yaml"
Epoch = Callable[[], None]


class Stage(NamedTuple):
    """A stage's networks: ours, and the one of the plain loop."""

    ours: Callable[[], nn.Module]
    objective: Objective
    plain: Callable[[], nn.Module]
    loss: Callable[[Tensor, Tensor, Tensor], Tensor]


def plain_loss_of_presence(output: Tensor, mask: Tensor, present: Tensor) -> Tensor:
    """Cross entropy of logits, [N, 1]."""
    return functional.binary_cross_entropy_with_logits(output[:, 0], present)


def plain_loss_of_mask(output: Tensor, mask: Tensor, present: Tensor) -> Tensor:
    """Cross entropy and Dice of logits, [N, 1, h, w]."""
    dice: Tensor = smp.losses.DiceLoss("binary")(output, mask)
    return functional.binary_cross_entropy_with_logits(output, mask) + dice


def stages(quick: bool) -> dict[str, Stage]:
    """Both stages; tiny networks where it is to be quick."""
    backbone, encoder = (
        ("test_resnet", "tu-test_resnet") if quick else ("tf_efficientnet_b4", "resnet34")
    )
    return {
        backbone: Stage(
            partial(Classifier, backbone),
            PresenceObjective(),
            partial(timm.create_model, backbone, num_classes=1),
            plain_loss_of_presence,
        ),
        f"U-Net/{encoder}": Stage(
            partial(Segmenter, "Unet", encoder=encoder),
            MaskObjective(loss=BceDice(), frames="all"),
            partial(smp.Unet, encoder, encoder_weights=None),
            plain_loss_of_mask,
        ),
    }


class PlainFrames(Dataset[tuple[Tensor, Tensor, Tensor]]):
    """Frames read, resized, augmented and repeated to three channels whenever they are shown."""

    def __init__(self, frames: list[Frame], size: tuple[int, int]) -> None:
        self._frames, self._size = frames, size
        self._augment = augmentation()

    def __len__(self) -> int:
        return len(self._frames)

    def __getitem__(self, place: int) -> tuple[Tensor, Tensor, Tensor]:
        frame = self._frames[place]
        image, mask = (
            cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in (frame.image, frame.mask)
        )
        present = float(mask.any())
        image = cv2.resize(image, self._size[::-1], interpolation=cv2.INTER_AREA)
        mask = cv2.resize(mask, self._size[::-1], interpolation=cv2.INTER_NEAREST) // 255
        changed = self._augment(image=image, mask=mask)
        levels = torch.from_numpy(changed["image"]).float().div(255)
        return (
            levels.expand(3, -1, -1).contiguous(),
            torch.from_numpy(changed["mask"]).float()[None],
            torch.tensor(present),
        )


def augmentation() -> albumentations.Compose:
    """That of conf/augment/ultrasound.yaml."""
    own = {"Gain": Gain, "Speckle": Speckle}
    made = []
    for node in yaml.safe_load(AUGMENT.read_text(encoding="utf-8"))["transforms"]:
        name = node.pop("_target_").rpartition(".")[2]
        given = {
            key: tuple(value) if isinstance(value, list) else value for key, value in node.items()
        }
        made.append((own.get(name) or getattr(albumentations, name))(**given))
    return compose(made)


def plain_epochs(stage: Stage, frames: list[Frame], options: argparse.Namespace) -> Epoch:
    """Epochs of the plain loop."""
    model = stage.plain().train()
    optimizer = torch.optim.AdamW(model.parameters())
    loader = DataLoader(
        PlainFrames(frames, tuple(options.size)),
        batch_size=options.batch,
        shuffle=True,
        drop_last=True,
        num_workers=options.workers,
    )

    def epoch() -> None:
        for image, mask, present in loader:
            optimizer.zero_grad()
            stage.loss(model(image), mask, present).backward()  # type: ignore[no-untyped-call]
            optimizer.step()

    return epoch


@contextmanager
def our_epochs(
    stage: Stage, frames: list[Frame], options: argparse.Namespace, folder: Path
) -> Iterator[Epoch]:
    """Epochs of the project's loop."""
    settings: dict[str, Any] = {
        "geometry": Geometry(size=tuple(options.size)),
        "cache": Cache(kind="disk", folder=folder / "cache"),
        "progress": False,
    }
    runtime = Runtime(device="cpu", precision=options.precision)
    run = Run(stage.ours(), stage.objective, runtime=runtime, accumulate=1, clip=1.0, ema=0.999)
    train = FrameDataset(frames, augment=augmentation(), **settings)
    run.feed(train, train.plain(), batch_size=options.batch, seed=0)
    run.prepare(lambda model: torch.optim.AdamW(model.parameters()), constant, epochs=10**6)
    with Interruption() as interruption:
        keeper = Keeper(
            States(folder / "state"), [run.state], every=10**9, interruption=interruption
        )

        def epoch() -> None:
            run.train_epoch(10**6, keeper=keeper, enough=lambda: False)
            run.finish_epoch(0.0)

        yield epoch


def seconds_of(epoch: Epoch) -> float:
    """Wall time of an epoch."""
    begun = time.perf_counter()
    epoch()
    return time.perf_counter() - begun


def measure(stage: Stage, frames: list[Frame], options: argparse.Namespace, folder: Path) -> str:
    """Both ways in turn, after an epoch that warms them up."""
    shown = len(frames) // options.batch * options.batch
    with our_epochs(stage, frames, options, folder) as ours:
        ways = {"plain": plain_epochs(stage, frames, options), "ours": ours}
        for epoch in ways.values():
            epoch()
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(options.repeats):
            for name, epoch in ways.items():
                seconds[name].append(seconds_of(epoch))
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    rates = ", ".join(
        f"{name} {shown / median:.2f} frames a second" for name, median in medians.items()
    )
    return f"{rates}: {medians['plain'] / medians['ours']:.2f} x, at least {LIMIT} is wanted"


def main() -> None:
    """Print a line a stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=48)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--size", type=int, nargs=2, default=[256, 352])
    parser.add_argument("--workers", type=int, default=2, help="of the plain loop")
    parser.add_argument("--precision", default="auto", help="of ours: auto, float32 or bfloat16")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="tiny: only shows that it runs")
    options = parser.parse_args()
    if options.quick:
        options.frames, options.batch, options.repeats, options.size = 8, 4, 1, [64, 96]
        options.workers, options.threads = 0, 1
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(options.threads)
    print(
        f"{options.frames} frames of 420 x 580 at {options.size[0]} x {options.size[1]}, batch "
        f"{options.batch}, {options.repeats} repetitions, {options.threads} threads, plain loop "
        f"with {options.workers} workers, ours at {options.precision}; "
        f"{platform.processor() or platform.machine()}, torch {torch.__version__}, timm "
        f"{timm.__version__}, smp {smp.__version__}, albumentations {albumentations.__version__}, "
        f"OpenCV {cv2.__version__}, numpy {np.__version__}"
    )
    with tempfile.TemporaryDirectory() as folder:
        write_phantom(
            Path(folder) / "set",
            subjects=max(2, options.frames // 4),
            frames_per_subject=4,
            progress=False,
        )
        frames = find_frames(Path(folder) / "set" / "train")[: options.frames]
        for name, stage in stages(options.quick).items():
            print(f"{name:24} {measure(stage, frames, options, Path(folder) / 'run')}")


if __name__ == "__main__":
    main()
