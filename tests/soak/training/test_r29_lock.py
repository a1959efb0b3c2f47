"""R29: one training at a time in a folder; a dead one's lock blocks nobody."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[3] / "tools" / "train_cls.py"


@pytest.mark.soak
def test_a_second_training_is_refused_while_the_first_lives(trainings, necks, figure):
    child = trainings.start("cls", "run", "cls.epochs=500", "runtime.save_every=2")
    folder = trainings.stage("run", "cls")
    child.wait_for(lambda: any(folder.glob("state/*.safetensors")))
    for word in ("resume=true", "overwrite=true"):
        second = subprocess.run(
            [sys.executable, TOOL, f"data.root={necks}", "name=run", word, "runtime.device=cpu"],
            cwd=trainings.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert second.returncode == 2
        assert second.stderr.strip().splitlines()[-1] == (
            f"error: runs/run/cls is being trained into by process {child.pid}: wait for it, end "
            "it, or name=OTHER for a run of its own"
        )
    os.kill(child.pid, signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    trainings.finish("cls", "run", "cls.epochs=4", "overwrite=true")
    figure(
        "R29",
        "2 of 2 second runs refused with the first one's process id; a dead run's lock is free",
    )
