import os
import signal
import subprocess
import sys
import threading
from functools import partial

import pytest
import torch
from timm.optim import create_optimizer_v2

from nerveceg.data.dataset import FrameDataset
from nerveceg.data.geometry import Geometry
from nerveceg.runtime import Runtime
from nerveceg.training.checkpointing import States
from nerveceg.training.fit import fit
from nerveceg.training.interruption import STOPPING, Interrupted, Interruption
from nerveceg.training.objectives import PresenceObjective
from nerveceg.training.schedules import cosine


class Signalling(PresenceObjective):
    """Sends its own process a signal at a number of training batches, or at a first validation."""

    def __init__(self, number=None, *, at=None, validating=False):
        super().__init__()
        self.number, self.left, self.validating = number, at, validating

    def loss(self, output, batch):
        if self.left is not None:
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), self.number)
        return super().loss(output, batch)

    def judge(self, output, batch):
        if self.validating:
            self.validating = False
            os.kill(os.getpid(), self.number)
        return super().judge(output, batch)


@pytest.fixture
def train_gate(mixed_frames, make_classifier, tmp_path):
    frames = FrameDataset(mixed_frames, geometry=Geometry(size=(32, 32)), progress=False)

    def run(name, objective, *, start=0, **options):
        return fit(
            make_classifier(start),
            objective,
            train=frames,
            validation=frames,
            folder=tmp_path / name,
            optimizer=partial(create_optimizer_v2, opt="adamw", lr=0.01),
            schedule=cosine,
            epochs=2,
            batch_size=2,
            accumulate=2,
            metric="log_likelihood",
            runtime=Runtime(device="cpu"),
            **options,
        )

    return run


def leaves(value):
    if isinstance(value, dict):
        for key in sorted(value, key=str):
            if key != "spent":
                yield from leaves(value[key])
    elif isinstance(value, list):
        for part in value:
            yield from leaves(part)
    else:
        yield value


def same(one, other):
    return all(
        torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b
        for a, b in zip(leaves(one), leaves(other), strict=True)
    )


@pytest.mark.parametrize(
    ("objective", "done"),
    [
        pytest.param(Signalling(signal.SIGTERM, at=1), (0, 0), marks=pytest.mark.slow),
        (Signalling(signal.SIGINT, at=3), (0, 2)),
        pytest.param(Signalling(signal.SIGTERM, at=6), (1, 2), marks=pytest.mark.slow),
        (Signalling(signal.SIGINT, at=None, validating=True), (0, 4)),
    ],
    ids=["first batch", "between two updates", "after an update", "validating"],
)
def test_a_signal_saves_the_last_update_and_nothing_is_lost(train_gate, tmp_path, objective, done):
    handlers = [signal.getsignal(number) for number in STOPPING]
    train_gate("whole", PresenceObjective())
    with pytest.raises(Interrupted) as caught:
        train_gate("stopped", objective)
    assert caught.value.status == 128 + objective.number
    assert str(tmp_path / "stopped" / "state") in str(caught.value)
    assert [signal.getsignal(number) for number in STOPPING] == handlers
    state = States(tmp_path / "stopped" / "state").load()
    assert (state["epoch"], state["batch"]) == done
    train_gate("stopped", PresenceObjective(), start=99, resume=True)
    first, second = (States(tmp_path / name / "state").load() for name in ("whole", "stopped"))
    assert same(first, second)
    for file in ("log.jsonl", "model.safetensors", "config.json"):
        assert (tmp_path / "whole" / file).read_bytes() == (
            tmp_path / "stopped" / file
        ).read_bytes()


@pytest.mark.slow
def test_a_second_signal_ends_the_process_at_once():
    code = (
        "import os, signal\n"
        "from nerveceg.training.interruption import Interruption\n"
        "with Interruption() as interruption:\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    assert interruption.signal == signal.SIGINT\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    print('still here')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (143, "", "")


def test_outside_the_main_thread_signals_stay_as_they_are():
    handlers = [signal.getsignal(number) for number in STOPPING]
    seen = []

    def enter():
        with Interruption():
            seen.extend(signal.getsignal(number) for number in STOPPING)

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert seen == handlers


KILLED_IN_THE_MIDST = """
import os, signal, sys
from functools import partial
from pathlib import Path
import torch
from timm.optim import create_optimizer_v2
from nerveceg import find_frames
from nerveceg.data.dataset import FrameDataset
from nerveceg.data.geometry import Geometry
from nerveceg.models.classifier import Classifier
from nerveceg.runtime import Runtime
from nerveceg.training.fit import fit
from nerveceg.training.objectives import PresenceObjective
from nerveceg.training.schedules import cosine

class Killing(PresenceObjective):
    seen = 0
    def loss(self, output, batch):
        self.seen += 1
        if self.seen == kill:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().loss(output, batch)

def run(folder, resume=False):
    torch.manual_seed(0)
    frames = FrameDataset(found, geometry=Geometry(size=(32, 32)), progress=False)
    fit(
        Classifier("test_efficientnet", dropout=0.2), Killing(), train=frames, validation=frames,
        folder=folder, resume=resume, schedule=cosine, epochs=2, batch_size=4, accumulate=2,
        optimizer=partial(create_optimizer_v2, opt="adamw", lr=0.01), metric="log_likelihood",
        runtime=Runtime(device="cpu", save_every=1),
    )

found, kill = find_frames(sys.argv[1]), 0
whole, killed = Path(sys.argv[2]) / "whole", Path(sys.argv[2]) / "killed"
if whole.exists():
    run(killed, resume=True)
else:
    run(whole)
    kill = 11
    run(killed)
"""


@pytest.mark.slow
def test_a_run_that_was_killed_in_the_midst_of_an_epoch_goes_on_as_if_undisturbed(
    frame_folder, tmp_path
):
    call = [sys.executable, "-c", KILLED_IN_THE_MIDST, frame_folder, tmp_path]
    assert subprocess.run(call, check=False, capture_output=True).returncode == -signal.SIGKILL
    stopped = States(tmp_path / "killed" / "state").load()
    assert (stopped["epoch"], stopped["batch"]) == (1, 2)
    subprocess.run(call, check=True, capture_output=True)
    first, second = (States(tmp_path / name / "state").load() for name in ("whole", "killed"))
    assert same(first, second)
    for file in ("log.jsonl", "model.safetensors", "config.json"):
        assert (tmp_path / "whole" / file).read_bytes() == (tmp_path / "killed" / file).read_bytes()
