"""R4: a full disk, or a kill in the midst of saving, leaves the state before whole."""

import os
import random
import signal

import pytest

from nerveceg.training.checkpointing import States

TRIES = 25


@pytest.mark.soak
def test_no_room_for_a_file_is_said_and_costs_nothing(trainings, figure):
    trainings.finish("cls", "whole", "runtime.save_every=2")
    chance, refused = random.Random(0), 0
    folder = trainings.stage("full", "cls")
    child = trainings.start("cls", "full", "runtime.save_every=2")
    child.wait_for(lambda: newest(folder) > 1)
    os.kill(child.pid, signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL, child.said()
    largest = sum(
        path.stat().st_size for path in trainings.stage("whole", "cls").glob("*.safetensors")
    )
    for _ in range(TRIES):
        child = trainings.start(
            "cls",
            "full",
            "resume=true",
            "runtime.save_every=2",
            largest=chance.randrange(5_000, 4 * largest),
        )
        status = child.wait()
        assert not list(folder.glob("**/*.part"))
        if status == 0:
            continue
        last = child.said().splitlines()[-1]
        assert status == 2, child.said()
        assert last.startswith("error: the disk is full"), last
        assert "resume=true" in last
        assert "are free in runs/full/cls" in last
        assert States(folder / "state").load()["updates"] > 0
        refused += 1
    trainings.finish("cls", "full", "resume=true", "runtime.save_every=2")
    assert trainings.digests("full", "cls") == trainings.digests("whole", "cls")
    figure(
        "R4",
        f"files that may not grow: {refused} of {TRIES} runs ended with «the disk is full», the "
        "state before whole each time, the last one in the undisturbed run's sha256",
    )


@pytest.mark.soak
def test_a_kill_while_a_file_is_written_costs_nothing(trainings, figure):
    trainings.finish("cls", "whole", "runtime.save_every=1")
    folder, half_written, again = trainings.stage("killed", "cls"), 0, []
    for _ in range(TRIES):
        child = trainings.start("cls", "killed", *again, "runtime.save_every=1")
        seen = newest(folder)
        child.wait_for(lambda seen=seen: newest(folder) > seen)
        child.wait_for(lambda: any((folder / "state").glob(".*.part")))
        os.kill(child.pid, signal.SIGKILL)
        assert child.wait() == -signal.SIGKILL, child.said()
        half_written += any(folder.glob("**/.*.part"))
        States(folder / "state").load()
        again = ["resume=true"]
    trainings.finish("cls", "killed", "resume=true", "runtime.save_every=1")
    assert not list(folder.glob("**/*.part"))
    assert trainings.digests("killed", "cls") == trainings.digests("whole", "cls")
    figure(
        "R4",
        f"{TRIES} of {TRIES} kills while saving left a whole state ({half_written} a half-written "
        "file, swept at the next start)",
    )


def newest(folder):
    """The number of the newest state."""
    return max((int(path.stem) for path in folder.glob("state/*.safetensors")), default=0)
