"""Trainings of some seconds in processes of their own, which tests kill, starve and disturb."""

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from nerveceg.data.phantom import write_phantom
from nerveceg.training.checkpointing import States

COMMON = ["data.geometry.size=[64,88]", "runtime.device=cpu"]
NETWORKS = {
    "cls": ["cls.model.backbone=test_efficientnet", "cls.batch_size=4", "cls.accumulate=2"],
    "seg": ["seg.model.encoder=tu-test_resnet", "seg.batch_size=2"],
    "two heads": [
        *("seg=two_head_2016", "cls=shared", "schedule=plateau", "optimizer=sgd"),
        *("seg.model.channels=[4,8,8]", "data.geometry.size=[48,64]", "seg.batch_size=4"),
    ],
}
"""What is trained, small; both heads of the last share one network."""
PARTS = ("model", "ema", "optimizer")


@dataclass
class Child:
    """A tool that runs in a process of its own."""

    nursery: subprocess.Popen
    pid: int
    log: Path

    def wait(self) -> int:
        """Its exit status; that of a signal is negative."""
        return int(self.nursery.stdout.readline())

    def said(self) -> str:
        """All that it wrote to both its outputs."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def wait_for(self, condition: Callable[[], bool], *, patience: float = 120.0) -> None:
        """Wait until the condition holds."""
        begun = time.monotonic()
        while not condition():
            assert time.monotonic() - begun < patience, self.said()
            time.sleep(0.001)


@dataclass
class Trainings:
    """Starts tools on phantom subjects in a folder; one at a time."""

    nursery: subprocess.Popen
    data: Path
    folder: Path
    count: int = 0

    def start(self, network: str, name: str, *words: str, **limits: int) -> Child:
        """Start the training of one of `NETWORKS`; limits: of the nursery."""
        stage = stage_of(network)
        lasting = [f"{stage}.epochs=20", f"{stage}.patience=null"]
        given = [f"data.root={self.data}", f"name={name}", *COMMON, *NETWORKS[network], *lasting]
        self.count += 1
        log = self.folder / f"{self.count}.log"
        order = {
            "words": [f"train_{stage}.py", *given, *words],
            "folder": str(self.folder),
            "log": str(log),
            **{"largest": None, "memory": None, **limits},
        }
        self.nursery.stdin.write(json.dumps(order) + "\n")
        self.nursery.stdin.flush()
        return Child(self.nursery, int(self.nursery.stdout.readline()), log)

    def finish(self, network: str, name: str, *words: str, **limits: int) -> Child:
        """Train one of `NETWORKS` to its end."""
        child = self.start(network, name, *words, **limits)
        status = child.wait()
        assert status == 0, child.said()
        return child

    def stage(self, name: str, network: str) -> Path:
        """The folder of a run's stage."""
        return self.folder / "runs" / name / stage_of(network)

    def digests(self, name: str, network: str) -> dict[str, str]:
        """sha256 of what a run ended with: weights, average, optimiser, best weights, log."""
        folder = self.stage(name, network)
        state = States(folder / "state").load()
        found = {part: digest(state[part]) for part in PARTS}
        found["best"] = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
        found["log"] = hashlib.sha256((folder / "log.jsonl").read_bytes()).hexdigest()
        return found


def stage_of(network: str) -> str:
    """The stage that trains a network."""
    return "cls" if network == "cls" else "seg"


def digest(value: object) -> str:
    """sha256 of nested tensors and plain values."""
    summed = hashlib.sha256()

    def add(part: object) -> None:
        if isinstance(part, torch.Tensor):
            summed.update(str((part.dtype, tuple(part.shape))).encode())
            summed.update(part.contiguous().view(-1).view(torch.uint8).numpy().tobytes())
        elif isinstance(part, dict):
            for key in sorted(part, key=str):
                summed.update(str(key).encode())
                add(part[key])
        elif isinstance(part, list | tuple):
            for item in part:
                add(item)
        else:
            summed.update(repr(part).encode())

    add(value)
    return summed.hexdigest()


@pytest.fixture(scope="session")
def nursery() -> Iterator[subprocess.Popen]:
    """The process that forks the others."""
    with subprocess.Popen(
        [sys.executable, Path(__file__).with_name("nursery.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TQDM_DISABLE": "1", "OMP_NUM_THREADS": "1"},
    ) as process:
        assert process.stdout.readline() == "ready\n"
        yield process
        process.stdin.close()


@pytest.fixture(scope="session")
def necks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixteen phantom subjects of three frames."""
    folder = tmp_path_factory.mktemp("necks")
    write_phantom(folder / "set", subjects=16, frames_per_subject=3, progress=False)
    return folder / "set" / "train"


@pytest.fixture
def trainings(nursery: subprocess.Popen, necks: Path, tmp_path: Path) -> Trainings:
    """Trainings in this test's own folder."""
    return Trainings(nursery, necks, tmp_path)
