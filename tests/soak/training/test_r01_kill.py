"""R1: a training that is killed 20 times at random moments ends as if it had not been."""

import os
import random
import signal
import time

import pytest

KILLS = 20
SAVE = "runtime.save_every=2"


@pytest.mark.soak
@pytest.mark.parametrize("network", ["cls", "seg", "two heads"])
def test_twenty_kills_at_random_moments_change_nothing(trainings, figure, network):
    # Long enough that none ends before it is killed.
    long = "cls.epochs=80" if network == "cls" else "seg.epochs=80"
    trainings.finish(network, "whole", SAVE, long)
    folder, chance = trainings.stage("killed", network), random.Random(0)
    kills, found = 0, []
    while kills < KILLS:
        again = ["resume=true"] if (folder / "config.yaml").exists() else []
        child = trainings.start(network, "killed", *again, SAVE, long)
        if kills % 4:  # three of four once it has gone on, the fourth wherever it is
            before = found[-1] if found else 0
            child.wait_for(lambda before=before: newest(folder) > before)
        time.sleep(chance.uniform(0, 0.25))
        os.kill(child.pid, signal.SIGKILL)
        status = child.wait()
        assert status == -signal.SIGKILL, child.said()
        kills += 1
        found.append(newest(folder))
    trainings.finish(network, "killed", "resume=true", SAVE, long)
    assert trainings.digests("killed", network) == trainings.digests("whole", network)
    assert not list(folder.glob("**/*.part"))
    figure(
        "R1",
        f"{network}: {kills} of {KILLS} kills, gone on from {len(set(found))} states, end "
        "in the undisturbed run's sha256 of weights, average, optimiser, best weights and log",
    )


def newest(folder):
    """The number of the newest state."""
    return max((int(path.stem) for path in folder.glob("state/*.safetensors")), default=0)
