"""R19: thirty mistakes of thirty kinds, each in a process of its own, as a person makes them."""

import os
import resource
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
MISTAKES = [
    ("train_cls", "cls.epoch=3", "cls.epochs"),
    ("train_cls", "cls.bach_size=3", "cls.batch_size"),
    ("train_cls", "nme=x", "name"),
    ("train_cls", "data.rooot=x", "data.root"),
    ("train_cls", "data.geometry.sizes=[1,2]", "data.geometry.size"),
    ("train_cls", "optimiser=adam", "optimizer"),
    ("train_cls", "optimizer=adamm", "adamw"),
    ("train_cls", "schedule=cosin", "cosine"),
    ("train_cls", "cls=resnet99", "efficientnet_b4"),
    ("train_cls", "experiment=dmo", "demo"),
    ("train_cls", "runtime.devise=cpu", "runtime.device"),
    ("train_cls", "runtime.device=tpu", "auto, cpu, cuda"),
    ("train_cls", "runtime.precision=float8", "float32"),
    ("train_cls", "runtime.workers=many", "workers"),
    ("train_cls", "epochs", "KEY=VALUE"),
    ("train_cls", "fold=abc", "whole number"),
    ("train_cls", "fold=99", "fold"),
    ("train_cls", "data.root=nowhere", "nowhere"),
    ("train_cls", "data.split.by=hospital", "hospital"),
    ("train_cls", "data.split.folds=0", "folds"),
    ("train_cls", "cls.model.backbone=efficientnet_b44", "efficientnet_b4"),
    ("train_seg", "seg.model.encoder=resnet43", "resnet34"),
    ("train_seg", "seg.model.architecture=Unett", "Unet"),
    ("train_seg", "loss=dce", "dice"),
    ("infer", "checkpoint=runs/none", "train_cls.py"),
    ("infer", "inptu=x", "input"),
    ("infer", "input=nowhere", "nowhere"),
    ("infer", "rule.presence=2", "[0, 1]"),
    ("evaluate", "tta=flipp", "flip"),
    ("compare", "agianst=x", "against"),
]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with frames and a trained run."""
    folder = tmp_path_factory.mktemp("mistakes")
    with zipfile.ZipFile(ROOT / "tests" / "golden" / "schema_2.zip") as archive:
        archive.extractall(folder)
    (folder / "frames").mkdir()
    for person in range(8):
        for k in range(2):
            picture = np.full((60, 80), 20 * person + k, np.uint8)
            mask = np.zeros((60, 80), np.uint8)
            mask[10 : 10 + 20 * k, 10:40] = 255
            Image.fromarray(picture).save(folder / "frames" / f"{person}_{k}.png")
            Image.fromarray(mask).save(folder / "frames" / f"{person}_{k}_mask.png")
    return folder


def attempt(tool, word, place):
    """Exit status, lines of the error stream and seconds of the processor."""
    given = [f"data.root={place / 'frames'}", "runtime.device=cpu", f"out={place / 'out'}"]
    if tool == "infer":
        given += [f"checkpoint={place / 'run'}", f"input={place / 'frames'}"]
    key = word.split("=")[0]
    words = [other for other in given if other.split("=")[0] != key]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / f"{tool}.py", *words, word],
        cwd=place,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return done.returncode, [line for line in done.stderr.splitlines() if line.strip()], spent


@pytest.mark.parametrize(("tool", "word", "cure"), MISTAKES)
def test_a_mistake_is_told_in_a_line_with_its_cure(place, tool, word, cure, record_property):
    status, lines, spent = attempt(tool, word, place)
    assert status == 2, lines
    assert len(lines) <= 3, lines
    assert lines[-1].startswith("error: ")
    assert cure in lines[-1]
    assert "Traceback" not in "".join(lines)
    assert not (place / "out").exists()
    SPENT.append(spent)


SPENT: list[float] = []


def test_all_of_them(figure):
    assert len(SPENT) == len(MISTAKES) == 30
    figure(
        "R19",
        f"{len(SPENT)} mistakes: exit 2, 3 lines at most, the cure named, no traceback; median "
        f"{sorted(SPENT)[15]:.1f} s, slowest {max(SPENT):.1f} s of the processor",
    )
