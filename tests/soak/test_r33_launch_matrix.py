"""R33: the same words under python, torchrun and accelerate launch; what can't be is refused."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TWO = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
LAUNCHERS = {
    "python": [sys.executable],
    "torchrun": TWO,
    "accelerate launch": [
        sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_machines", "1",
        "--num_processes", "2", "--mixed_precision", "no", "--dynamo_backend", "no",
        "--main_process_port", "0",
    ],
}  # fmt: skip
WORDS = [
    "data.geometry.size=[64,88]",
    "seg.model.encoder=tu-test_resnet",
    "seg.model.weights=null",
    "seg.epochs=2",
    "seg.batch_size=2",
    "cls=none",
    "runtime.device=cpu",
    "data.phantom.subjects=16",
    "data.phantom.frames_per_subject=2",
]


def start(launcher, tool, *words, folder):
    return subprocess.run(
        [*launcher, ROOT / f"tools/{tool}.py", *words],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_launcher_leaves_one_run_and_one_log(tmp_path, figure):
    left, said = {}, {}
    for name, launcher in LAUNCHERS.items():
        folder = tmp_path / name.replace(" ", "_")
        folder.mkdir()
        done = start(launcher, "train_seg", *WORDS, folder=folder)
        assert done.returncode == 0, f"{name}: {done.stderr[-3000:]}"
        run = folder / "runs" / "default"
        left[name] = sorted(
            path.relative_to(folder).as_posix()
            for path in run.rglob("*")
            if path.is_file() and path.parent.name != "state" and path.name != ".lock"
        )
        log = [json.loads(line) for line in (run / "seg/log.jsonl").read_text().splitlines()]
        assert [line["epoch"] for line in log] == [1, 2]
        said[name] = done.stderr
        for line in ("epoch 1: loss", "writing the phantom", "the pipeline is in"):
            assert done.stderr.count(line) == 1, f"{name}: {done.stderr}"
    assert left["python"] == left["torchrun"] == left["accelerate launch"]
    for name in ("torchrun", "accelerate launch"):
        assert "in each of 2 processes" in said[name]
    figure("R33", f"{', '.join(LAUNCHERS)}: one run of {len(left['python'])} files, one log each")


@pytest.mark.parametrize(
    ("tool", "words", "line"),
    [
        ("train_seg", ["-m", "seed=0,1"], "error: --multirun in a launch of 2 processes"),
        ("describe", [], "error: describe runs as one process"),
        ("evaluate", ["predictions=masks"], "error: predictions=masks takes no network"),
        ("train_seg", ["seg.epoch=3"], "error: seg.epoch=3: there is no key 'seg.epoch'"),
        ("infer", ["checkpoint=nowhere"], "error: no trained pipeline in nowhere"),
        ("train_seg", [*WORDS, "seg.batch_size=100"], "error: 2 processes, but an epoch"),
    ],
)
def test_mistakes_are_said_once(tool, words, line, tmp_path, figure):
    done = start(TWO, tool, *words, folder=tmp_path)
    assert done.returncode != 0
    said = [one for one in done.stderr.splitlines() if "error: " in one]
    assert len(said) == 1, done.stderr
    assert line in said[0]
    assert not (tmp_path / "runs/default/seg/config.yaml").exists()
    figure("R33", "six mistakes under torchrun: one line each")
