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
    monkeypatch.setattr(sys, "argv", [f"{name}.py", "--quick"])
    runpy.run_path(str(FOLDER / f"{name}.py"), run_name="__main__")
    printed = capsys.readouterr().out
    assert said in printed
    assert "torch" in printed.splitlines()[0]
