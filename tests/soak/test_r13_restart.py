"""R13: a launcher starts killed workers again, and the run ends as if nobody had been killed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from nerveceg.data.phantom import write_phantom
from nerveceg.files import sha256_of
from nerveceg.training.checkpointing import States
from nerveceg.training.state import pack_state

ROOT = Path(__file__).parents[2]
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
WORDS = [
    "data.geometry.size=[64,88]",
    "data.cache=none",
    "cls.model.backbone=test_efficientnet",
    "cls.model.weights=null",
    "cls.epochs=3",
    "cls.batch_size=2",
    "runtime.device=cpu",
    "runtime.save_every=1",
]


@pytest.fixture(scope="module")
def necks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("necks")
    write_phantom(folder / "set", subjects=16, frames_per_subject=2, progress=False)
    return folder / "set" / "train"


def launch(necks, out, *options, words=()):
    return subprocess.Popen(
        [*TORCHRUN, *options, ROOT / "tools/train_cls.py", f"data.root={necks}", *WORDS, *words],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        cwd=out,
        stderr=subprocess.PIPE,
        text=True,
    )


def stage(out):
    return out / "runs" / "default" / "cls"


def outcome(out):
    """The weights, average, optimiser and best of a run that is over, as one digest each."""
    state = States(stage(out) / "state").load()
    kept = {name: state[name] for name in ("model", "ema", "optimizer", "updates", "best")}
    return pack_state(kept), sha256_of(stage(out) / "model.safetensors")


def wait_for_update(out, number, process):
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline and process.poll() is None:
        names = [path.stem for path in (stage(out) / "state").glob("*.safetensors")]
        if any(int(name) >= number for name in names):
            return
        time.sleep(0.02)
    raise AssertionError(f"no state {number} was saved")


def workers(process):
    """The launcher's own children by rank."""
    found = psutil.Process(process.pid).children()
    return {int(one.environ()["RANK"]): one for one in found if "RANK" in one.environ()}


@pytest.fixture(scope="module")
def undisturbed(necks, tmp_path_factory):
    out = tmp_path_factory.mktemp("undisturbed")
    process = launch(necks, out)
    _, said = process.communicate(timeout=600)
    assert process.returncode == 0, said[-3000:]
    return outcome(out)


def test_killed_workers_are_started_again_and_end_in_the_same_weights(
    necks, undisturbed, tmp_path, figure
):
    process = launch(necks, tmp_path, "--max-restarts", "3")
    killed = []
    for rank, update in ((1, 3), (0, 9)):
        wait_for_update(tmp_path, update, process)
        os.kill(workers(process)[rank].pid, signal.SIGKILL)
        killed.append(f"rank {rank} after save {update}")
    _, said = process.communicate(timeout=600)
    assert process.returncode == 0, said[-3000:]
    assert outcome(tmp_path) == undisturbed
    lines = (stage(tmp_path) / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [1, 2, 3]
    figure(
        "R13", f"{' and '.join(killed)} killed under --max-restarts 3: same bytes as undisturbed"
    )


def test_a_terminated_launch_saves_and_goes_on_to_the_same_weights(
    necks, undisturbed, tmp_path, figure
):
    process = launch(necks, tmp_path)
    wait_for_update(tmp_path, 4, process)
    begun = time.monotonic()
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=120)
    seconds = time.monotonic() - begun
    assert process.returncode != 0
    assert said.count("stopped by SIGTERM; its state is saved in") == 1, said[-3000:]
    process = launch(necks, tmp_path, words=["resume=true"])
    _, said = process.communicate(timeout=600)
    assert process.returncode == 0, said[-3000:]
    assert outcome(tmp_path) == undisturbed
    figure("R13", f"SIGTERM to torchrun: saved and over in {seconds:.1f} s, resumed to same bytes")


def test_another_number_of_processes_does_not_go_on(necks, tmp_path):
    process = launch(necks, tmp_path, words=["cls.epochs=1"])
    assert process.wait(timeout=600) == 0
    alone = subprocess.run(
        [sys.executable, ROOT / "tools/train_cls.py", f"data.root={necks}", *WORDS]
        + ["cls.epochs=1", "resume=true"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert alone.returncode == 2
    assert "resume=true in 1 processes, but the run began in 2" in alone.stderr
