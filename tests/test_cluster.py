"""Sweeps over a cluster: the documented words compose, and jobs leave what a sweep here does."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import hydra
import pytest

from nerveceg.tools import command

ROOT = Path(__file__).parents[1]


def documented():
    """The words after the tool of the cluster's command in docs/scaling.md."""
    text = (ROOT / "docs/scaling.md").read_text(encoding="utf-8")
    line = next(
        line
        for block in re.findall(r"```bash\n(.*?)```", text, flags=re.DOTALL)
        for line in block.splitlines()
        if "submitit" in line
    )
    return [word for word in shlex.split(line)[2:] if not word.startswith("-")]


@pytest.mark.parametrize("where", ["slurm", "local"])
def test_the_documented_sweep_composes(where):
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
    words = [word.replace("submitit_slurm", f"submitit_{where}") for word in documented()]
    if where == "local":
        words = [word for word in words if "partition" not in word]
    words = command._first_of_sweep(words)
    with hydra.initialize_config_module("nerveceg.conf", version_base="1.3"):
        composed = hydra.compose("config", overrides=words, return_hydra_config=True)
    launcher = composed.hydra.launcher
    assert launcher._target_.endswith("LocalLauncher" if where == "local" else "SlurmLauncher")
    assert (launcher.gpus_per_node, launcher.timeout_min, launcher.tasks_per_node) == (1, 240, 1)
    assert command.compose(words).fold == 0


@pytest.mark.slow
def test_a_sweep_of_two_jobs_leaves_what_both_make(tmp_path):
    """In a session of its own: submitit ends the processes around its jobs too."""
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
    words = [
        *("-m", "data.phantom.seed=0,1", "data.phantom.folder=made_${data.phantom.seed}"),
        *("data.phantom.subjects=2", "data.phantom.frames_per_subject=1"),
        *("hydra/launcher=submitit_local", "hydra.launcher.timeout_min=2"),
    ]
    done = subprocess.run(
        [sys.executable, ROOT / "tools/make_phantom.py", *words],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    for seed in (0, 1):
        assert len(list((tmp_path / f"made_{seed}/train").glob("*_mask.tif"))) == 2
