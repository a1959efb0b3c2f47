"""R25: a dead worker ends the training in one line, and leaves no process behind."""

import os
import signal
import time

import pytest


@pytest.mark.soak
def test_a_dead_worker_ends_the_training_in_one_line(trainings, session_of, figure):
    child = trainings.start("cls", "run", "runtime.workers=2", "cls.epochs=500")
    log = trainings.stage("run", "cls") / "log.jsonl"
    child.wait_for(lambda: log.exists() and log.read_bytes().count(b"\n") >= 1)
    workers = [pid for pid in session_of(child.pid) if pid != child.pid]
    assert len(workers) >= 2
    begun = time.monotonic()
    os.kill(workers[0], signal.SIGKILL)
    status = child.wait()
    spent = time.monotonic() - begun
    last = child.said().splitlines()[-1]
    assert status == 2, child.said()
    assert last.startswith("error: DataLoader worker (pid"), last
    assert "runtime.workers" in last
    child.wait_for(lambda: not session_of(child.pid), patience=10)
    assert spent <= 10
    figure("R25", f"a killed worker: one line, exit status 2 after {spent:.1f} s, no process left")
