"""R11: two processes come to the weights of one that accumulates the same batches."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from nerveceg.data.phantom import write_phantom
from nerveceg.training.checkpointing import States

LAUNCHED = Path(__file__).parents[1] / "launched.py"
TWO = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
LIMITS = {"sgd": 1e-6, "adamw": 1e-5}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folders of one and of two processes, each with every stage and optimiser."""
    folder = tmp_path_factory.mktemp("together")
    write_phantom(folder / "set", subjects=10, frames_per_subject=3, progress=False)
    for name, launcher in {"one": [], "two": TWO}.items():
        (folder / name).mkdir()
        done = subprocess.run(
            [sys.executable, *launcher, LAUNCHED, folder / "set/train", folder / name, "all"],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
    return folder


def states_of(trained, run):
    return [States(trained / name / run / "state").load() for name in ("one", "two")]


def kind_of(name):
    last = name.rpartition(".")[2]
    if last in ("running_mean", "running_var"):
        return "running statistics"
    return "count" if last == "num_batches_tracked" else "weights"


def distance(one, two):
    return max((one[name].double() - two[name].double()).abs().max().item() for name in one)


@pytest.mark.parametrize("stage", ["cls", "seg"])
@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_frozen_batch_norm_gives_the_weights_of_one_process(trained, stage, optimizer, figure):
    one, two = states_of(trained, f"{stage}_{optimizer}")
    assert one["updates"] == two["updates"] >= 8
    apart = {part: distance(one[part], two[part]) for part in ("model", "ema")}
    assert max(apart.values()) <= LIMITS[optimizer]
    figure(
        "R11",
        f"{stage}, {optimizer}, {one['updates']} updates: weights within {apart['model']:.1e}, "
        f"average within {apart['ema']:.1e}",
    )


def test_both_processes_end_in_the_same_weights_and_average(trained):
    for folder in (trained / "two").iterdir():
        ranks = [json.loads((folder / f"rank_{k}.json").read_text()) for k in (0, 1)]
        assert ranks[0] == ranks[1], folder.name


def test_scores_of_all_validation_frames_are_those_of_one_process(trained):
    for folder in (trained / "one").iterdir():
        logs = [
            [json.loads(line) for line in (trained / name / folder.name / "log.jsonl").open()]
            for name in ("one", "two")
        ]
        for alone, together in zip(*logs, strict=True):
            if "live" not in folder.name:
                assert alone == pytest.approx(together, abs=1e-4), folder.name


def test_live_batch_norm_keeps_the_statistics_of_the_first_process(trained, figure):
    one, two = states_of(trained, "seg_sgd_live")
    moved = {
        kind: distance(
            {name: one["model"][name] for name in one["model"] if kind_of(name) == kind},
            two["model"],
        )
        for kind in ("weights", "running statistics")
    }
    assert moved["weights"] <= LIMITS["sgd"]
    assert moved["running statistics"] > 0
    assert all(torch.isfinite(value).all() for value in two["model"].values())
    figure(
        "R11",
        "live batch norm: weights within {weights:.1e}, running statistics within "
        "{running statistics:.1e} (those of the first process's frames)".format(**moved),
    )
