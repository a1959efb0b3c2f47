"""Every benchmark that needs no engine runs and prints its ratio; no figure is judged here."""

import runpy
import sys
from pathlib import Path

import cv2
import pytest
import torch

FOLDER = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def threads():
    """Benchmarks choose their number of threads; the tests after them get theirs back."""
    before = torch.get_num_threads(), cv2.getNumThreads()
    yield
    torch.set_num_threads(before[0])
    cv2.setNumThreads(before[1])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("train", "x, at least 1.3 is wanted"),
        ("decode", "a next start takes"),
        ("scale", "x the time a frame"),
        ("evaluate", "x MONAI's speed"),
        ("stream", "of what they may"),
        ("full_set", "of the measured rate of bfloat16 products"),
    ],
)
def test_a_benchmark_runs_quickly_and_says_its_ratio(name, said, monkeypatch, capsys, threads):
    monkeypatch.syspath_prepend(FOLDER)  # benchmarks import each other
    monkeypatch.setattr(sys, "argv", [f"{name}.py", "--quick"])
    runpy.run_path(str(FOLDER / f"{name}.py"), run_name="__main__")
    printed = capsys.readouterr().out
    assert said in printed
    assert "torch" in printed.splitlines()[0]


@pytest.mark.slow
def test_every_engine_is_held_against_torch(pipeline, frame_folder, tmp_path, monkeypatch, capsys):
    for engine in ("onnxruntime", "openvino"):
        pytest.importorskip(engine)
    pipeline.save_pretrained(tmp_path / "run")
    words = [str(tmp_path / "run"), str(frame_folder), "--most", "8"]
    monkeypatch.setattr(sys, "argv", ["agreement.py", *words])
    runpy.run_path(str(FOLDER / "agreement.py"), run_name="__main__")
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("8 frames")
    assert [line.split()[0] for line in printed[1:]][:2] == ["drawing", "torch"]
    held = [line for line in printed[3:-1] if "float32" in line]
    assert len(held) == 3
    assert all(float(line.split(", ")[2].split()[0]) <= 1 for line in held)
