"""R3: SIGTERM and SIGINT save the run within ten seconds, and it goes on as if undisturbed."""

import os
import random
import signal
import time

import pytest

TIMES = 5


@pytest.mark.soak
@pytest.mark.parametrize("stage", ["cls", "seg"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_loses_nothing(trainings, figure, stage, number):
    trainings.finish(stage, "whole")
    chance, again, slowest = random.Random(1), [], 0.0
    for _ in range(TIMES):
        child = trainings.start(stage, "stopped", *again, "runtime.workers=2")
        started = trainings.stage("stopped", stage) / "log.jsonl"
        length = len(started.read_bytes()) if started.exists() else 0
        child.wait_for(lambda f=started, n=length: f.exists() and len(f.read_bytes()) > n)
        time.sleep(chance.uniform(0, 0.2))
        begun = time.monotonic()
        os.killpg(child.pid, number)  # as a terminal and most schedulers do: the workers too
        status = child.wait()
        slowest = max(slowest, time.monotonic() - begun)
        last = child.said().splitlines()[-1]
        assert status == 128 + number, child.said()
        assert last.startswith(f"stopped by {number.name}; its state is saved in runs/stopped/")
        assert f"to go on: python tools/train_{stage}.py" in last
        again = ["resume=true"]
    assert slowest <= 10
    trainings.finish(stage, "stopped", "resume=true")
    assert trainings.digests("stopped", stage) == trainings.digests("whole", stage)
    figure(
        "R3",
        f"{stage}, {number.name}: {TIMES} of {TIMES} saved, exit status {128 + number}, at most "
        f"{slowest:.1f} s, the resumed run ends in the undisturbed one's sha256",
    )
