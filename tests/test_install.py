"""The same words work from a bare checkout and from a wheel; the editable install runs the rest."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MARKER = "# @package _global_\n# python tools/train_cls.py experiment=marker\nname: marked\n"
TINY = [
    "experiment=marker",
    "data.geometry.size=[64,88]",
    "cls.model.backbone=test_efficientnet",
    "cls.model.drop_path=0",
    "cls.epochs=1",
    "seg.model.encoder=tu-test_resnet",
    "seg.epochs=1",
    "runtime.device=cpu",
    "bootstraps=20",
    "data.phantom.subjects=16",
    "data.phantom.frames_per_subject=2",
]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of the sources with an experiment of its own, so that no other copy can answer."""
    copy = tmp_path_factory.mktemp("checkout")
    for folder in ("nerveceg", "conf", "tools"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / folder, copy / folder, ignore=ignored)
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy / name)
    (copy / "conf/experiment/marker.yaml").write_text(MARKER)
    return copy


def call(words, *, folder, path=""):
    environment = {**os.environ, "PYTHONPATH": str(path)}
    done = subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.slow
def test_the_three_tools_run_from_a_checkout_that_is_not_installed(checkout, tmp_path):
    for tool in ("train_cls", "train_seg", "infer"):
        call([checkout / "tools" / f"{tool}.py", *TINY], folder=tmp_path)
    assert (tmp_path / "runs/marked/predictions/report.json").is_file()


@pytest.mark.slow
def test_the_three_tools_run_from_a_wheel(checkout, tmp_path):
    pip = ["-m", "pip", "--quiet", "--disable-pip-version-check"]
    build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", tmp_path, checkout]
    call(build, folder=tmp_path)
    wheel = next(tmp_path.glob("*.whl"))
    site = tmp_path / "site"
    call([*pip, "install", "--no-deps", "--target", site, wheel], folder=tmp_path)
    for tool in ("train_cls", "train_seg", "infer"):
        call(["-m", f"nerveceg.tools.{tool}", *TINY], folder=tmp_path, path=site)
    assert (tmp_path / "runs/marked/predictions/report.json").is_file()
    assert (site / "bin/nerveceg-train-cls").is_file()
    assert (site / "nerveceg/py.typed").is_file()


@pytest.mark.slow
def test_the_defaults_train_save_infer_and_evaluate_at_full_size(tmp_path):
    few = [
        "data.phantom.subjects=15",
        "data.phantom.frames_per_subject=1",
        "runtime.device=cpu",
        "bootstraps=20",
        "cls.epochs=1",
        "cls.batch_size=4",
        "seg.epochs=1",
        "seg.batch_size=2",
    ]
    for tool in ("train_cls", "train_seg", "infer", "evaluate"):
        call([ROOT / "tools" / f"{tool}.py", *few], folder=tmp_path)
    assert (tmp_path / "runs/default/predictions/report.json").is_file()
