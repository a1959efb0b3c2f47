"""R12: several processes evaluate and predict what one does: every frame once, to the byte."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nerveceg.data.images import read_image
from nerveceg.data.phantom import write_phantom
from nerveceg.outputs.movie import write_movie

ROOT = Path(__file__).parents[2]
TINY = [
    "data.geometry.size=[64,88]",
    "data.split.folds=2",
    "cls.model.backbone=test_efficientnet",
    "cls.model.weights=null",
    "cls.epochs=1",
    "cls.batch_size=8",
    "seg.model.encoder=tu-test_resnet",
    "seg.model.weights=null",
    "seg.epochs=1",
    "seg.batch_size=4",
    "runtime.device=cpu",
]
MADE_LATER = ("model_card.json",)


def start(processes, tool, *words, folder):
    launcher = [sys.executable]
    if processes > 1:
        launcher += ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node"]
        launcher += [str(processes)]
    return subprocess.run(
        [*launcher, ROOT / f"tools/{tool}.py", *words, "bootstraps=50"],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Two folds of tiny networks, and their ensemble."""
    folder = tmp_path_factory.mktemp("trained")
    write_phantom(folder / "necks", subjects=16, frames_per_subject=2, progress=False)
    for tool in ("train_cls", "train_seg"):
        done = start(1, tool, "-m", "fold=0,1", "data.root=necks/train", *TINY, folder=folder)
        assert done.returncode == 0, done.stderr[-3000:]
    done = start(1, "evaluate", "checkpoint=runs/default", "output=alone", folder=folder)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


@pytest.fixture(scope="module")
def wild(tmp_path_factory):
    """Frames of other people, two of them torn, and a clip."""
    folder = tmp_path_factory.mktemp("wild")
    write_phantom(folder / "set", subjects=7, frames_per_subject=3, seed=5, progress=False)
    source = folder / "set" / "train"
    for name in ("2_1", "6_2"):
        (source / f"{name}.tif").write_bytes((source / f"{name}.tif").read_bytes()[:5000])
    images = [read_image(source / f"1_{k}.tif") for k in (1, 2, 3)]
    write_movie(source / "sweep.mp4", (_picture(image) for image in images * 3), rate=10)
    return source


def _picture(image):
    from PIL import Image

    return Image.fromarray(np.asarray(image)).convert("RGB")


def files_of(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".mp4" and path.name not in MADE_LATER
    }


def assert_same_files(one, other):
    alone, together = files_of(one), files_of(other)
    assert alone.keys() == together.keys()
    different = [name for name in alone if alone[name] != together[name]]
    assert not different


def test_folds_are_scored_as_by_one_process(trained, figure):
    run = trained / "runs" / "default"
    before = {name: (run / name).read_bytes() for name in ("oof.npz", "pipeline.json")}
    done = start(2, "evaluate", "checkpoint=runs/default", "output=together", folder=trained)
    assert done.returncode == 0, done.stderr[-3000:]
    assert_same_files(trained / "alone", trained / "together")
    assert before == {name: (run / name).read_bytes() for name in before}
    figure("R12", "out-of-fold predictions, ensemble, report and tally of 2 folds: same bytes")


def test_one_fold_is_scored_as_by_one_process(trained):
    for processes, output in ((1, "fold_alone"), (2, "fold_together")):
        words = ["checkpoint=runs/default/fold_0", f"output={output}", "runtime.batch_size=3"]
        done = start(processes, "evaluate", *words, folder=trained)
        assert done.returncode == 0, done.stderr[-3000:]
    assert_same_files(trained / "fold_alone", trained / "fold_together")


def test_every_frame_is_predicted_once_and_as_by_one_process(trained, wild, tmp_path, figure):
    words = ["checkpoint=runs/default", f"input={wild}", "runtime.batch_size=4", "temporal=hmm"]
    said = {}
    for processes in (1, 2, 3):
        done = start(
            processes, "infer", *words, "on_error=skip", f"output={tmp_path / str(processes)}",
            folder=trained,
        )  # fmt: skip
        said[processes] = done.stderr
        assert done.returncode != 0, "two files are torn"
        assert done.stderr.count("error: 2 frames could not be scored") == 1
        assert done.stderr.count("left out: ") == 2
        with (tmp_path / str(processes) / "predictions.csv").open() as file:
            ids = [row["id"] for row in csv.DictReader(file)]
        assert len(ids) == len(set(ids)) == 21 - 2 + 9
        assert (tmp_path / str(processes) / "movies" / "sweep.mp4").is_file()
    for processes in (2, 3):
        assert_same_files(tmp_path / "1", tmp_path / str(processes))
    assert not list(tmp_path.glob(".*"))
    files = len(files_of(tmp_path / "1"))
    figure("R12", f"28 frames, 2 torn, in 1, 2, 3 processes: the same bytes in {files} files")


def test_one_torn_frame_ends_all_processes_in_one_line(trained, wild, tmp_path, figure):
    words = [
        "checkpoint=runs/default",
        f"input={wild}",
        "runtime.batch_size=2",
        f"output={tmp_path}/out",
    ]
    done = start(2, "infer", *words, folder=trained)
    assert done.returncode != 0
    lines = [line for line in done.stderr.splitlines() if "error: " in line]
    assert len(lines) == 1, done.stderr
    assert "can't be read as an image" in lines[0]
    assert "tools/command.py" not in done.stderr, "a traceback of ours"
    assert not list(tmp_path.iterdir())
    figure("R12", "a torn frame on one of 2 processes: one line, all over, nothing left")
