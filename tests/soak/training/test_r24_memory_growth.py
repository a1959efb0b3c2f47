"""R24: a training neither grows nor opens files from epoch to epoch."""

from pathlib import Path

import pytest


def resident(pid):
    """Bytes of memory that a process has."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


@pytest.mark.soak
@pytest.mark.parametrize("stage", ["cls", "seg"])
def test_memory_and_open_files_stay_as_they_are(trainings, figure, stage):
    more = [f"{stage}.epochs=6", "runtime.workers=2", "runtime.save_every=2"]
    child = trainings.start(stage, "run", *more)
    log = trainings.stage("run", stage) / "log.jsonl"
    memory, files = [], []
    for epoch in range(1, 6):
        child.wait_for(lambda n=epoch: log.exists() and log.read_bytes().count(b"\n") >= n)
        memory.append(resident(child.pid))
        files.append(len(list(Path(f"/proc/{child.pid}/fd").iterdir())))
    assert child.wait() == 0, child.said()
    growth = memory[4] / memory[1] - 1
    assert growth <= 0.05
    assert max(files[1:]) - min(files[1:]) <= 1  # one is open while a state is written
    figure(
        "R24",
        f"{stage}: memory {growth:+.1%} from epoch 2 to 5 ({memory[4] / 2**20:.0f} MB), "
        f"{min(files[1:])} to {max(files[1:])} open files",
    )
