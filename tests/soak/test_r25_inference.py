"""R25 outside training: what a helping process meets is the last line, and no process is left."""

import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]


@pytest.fixture
def place(tmp_path):
    """A trained run, and frames enough for helping processes to be met at work."""
    with zipfile.ZipFile(ROOT / "tests" / "golden" / "schema_2.zip") as archive:
        archive.extractall(tmp_path)
    (tmp_path / "frames").mkdir()
    draw = np.random.default_rng(0)
    picture = Image.fromarray(draw.integers(0, 256, (420, 580), dtype=np.uint8))
    mask = Image.fromarray(np.pad(np.full((60, 80), 255, np.uint8), ((200, 160), (300, 200))))
    for k in range(200):
        picture.save(tmp_path / "frames" / f"{k // 10}_{k % 10}.png")
        mask.save(tmp_path / "frames" / f"{k // 10}_{k % 10}_mask.png")
    return tmp_path


def start(tool, place):
    words = [f"checkpoint={place / 'run'}", f"input={place / 'frames'}", f"output={place / 'out'}"]
    return subprocess.Popen(
        [sys.executable, ROOT / "tools" / f"{tool}.py", *words, "runtime.device=cpu"]
        + ["runtime.workers=2", "bootstraps=20", "runtime.batch_size=2"],
        cwd=place,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for(met, patience):
    end = time.monotonic() + patience
    while not (found := met()):
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.05)
    return found


@pytest.fixture
def helpers(session_of):
    return lambda child: [pid for pid in session_of(child.pid) if pid != child.pid]


@pytest.mark.parametrize("tool", ["infer", "evaluate"])
def test_a_broken_frame_in_a_helping_process_is_the_last_line(place, tool, session_of, figure):
    torn = place / "frames" / "7_3.png"
    torn.write_bytes(torn.read_bytes()[:5000])
    child = start(tool, place)
    said = child.communicate(timeout=600)[1].splitlines()
    assert child.returncode == 2
    assert said[-1].startswith("error: ")
    assert str(torn) in said[-1]
    wait_for(lambda: not session_of(child.pid), 10)
    figure("R25", f"a broken frame in {tool}: its name and cause in the last line, exit status 2")


def test_a_helping_process_that_dies_is_the_last_line(place, helpers, session_of, figure):
    child = start("infer", place)
    pids = wait_for(lambda: helpers(child) if len(helpers(child)) >= 2 else None, 600)
    begun = time.monotonic()
    os.kill(pids[-1], signal.SIGKILL)
    said = child.communicate(timeout=600)[1].splitlines()
    spent = time.monotonic() - begun
    assert child.returncode == 2, said
    assert said[-1].startswith("error: DataLoader worker")
    assert "runtime.workers" in said[-1]
    assert spent <= 10
    wait_for(lambda: not session_of(child.pid), 10)
    figure("R25", f"a killed helper of infer: one line, exit status 2 after {spent:.1f} s")


def test_when_the_tool_is_killed_its_helpers_end(place, helpers, session_of, figure):
    child = start("infer", place)
    wait_for(lambda: len(helpers(child)) >= 2, 600)
    os.kill(child.pid, signal.SIGKILL)
    begun = time.monotonic()
    child.communicate(timeout=600)
    wait_for(lambda: not session_of(child.pid), 20)
    spent = time.monotonic() - begun
    assert spent <= 10
    figure("R25", f"infer killed: its helpers have ended {spent:.1f} s later")
