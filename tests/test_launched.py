"""Two processes under torchrun against one, in all that they share: training, scores, masks."""

import json
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from nerveceg.training import fit as fitting
from nerveceg.training.checkpointing import States

LAUNCHED = Path(__file__).with_name("launched.py")
TWO = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.slow
def test_two_processes_train_score_and_predict_as_one(
    frame_folder, pipeline, tmp_path, monkeypatch
):
    monkeypatch.setattr(fitting, "Run", fitting.Run)  # put back afterwards
    for name in ("one", "two"):
        pipeline.save_pretrained(tmp_path / name / "pipeline")
    whole, torn = tmp_path / "whole", tmp_path / "torn"
    for folder in (whole, torn):
        shutil.copytree(frame_folder, folder)
    for name in ("2_1.tif", "9_2.tif"):
        (torn / name).write_bytes((torn / name).read_bytes()[:5000])
    done = subprocess.run(
        [*TWO, LAUNCHED, whole, tmp_path / "two", "train", "score", torn],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    alone = runpy.run_path(str(LAUNCHED))
    alone["train"](whole, tmp_path / "one" / "cls_adamw", optimizer="adamw")
    alone["score"](torn, tmp_path / "one")

    one, two = (States(tmp_path / name / "cls_adamw/state").load() for name in ("one", "two"))
    assert one["updates"] == two["updates"] == 8
    for part in ("model", "ema"):
        for name in one[part]:
            assert torch.allclose(one[part][name], two[part][name], rtol=0, atol=1e-5), name
    ranks = [json.loads((tmp_path / f"two/cls_adamw/rank_{k}.json").read_text()) for k in (0, 1)]
    assert ranks[0] == ranks[1]

    assert contents(tmp_path / "one/scored_1") == contents(tmp_path / "two/scored_2")
    first, second = json.loads((tmp_path / "two/scored_2/lost.json").read_text())
    assert ["2_1.tif" in line for line in first] == ["9_2.tif" in line for line in second] == [True]
    assert len(list((tmp_path / "two/scored_2/masks").glob("*.png"))) == 28
    assert not list((tmp_path / "two").glob(".*"))
