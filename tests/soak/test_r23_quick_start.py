"""R23: the first page of QUICK_START.md, copied and pasted, ends in ten minutes with a result."""

import json
import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
MINUTES = 10
LEAST = 0.05
"""What both stages must gain over drawing nothing."""


def test_the_phantom_page_runs_as_written_in_ten_minutes(tmp_path, figure):
    page = (ROOT / "QUICK_START.md").read_text(encoding="utf-8")
    block = re.search(r"## 1\. The phantom.*?```bash\n(.*?)```", page, flags=re.DOTALL)[1]
    commands = [shlex.split(line) for line in block.splitlines() if line.strip()]
    assert [words[1] for words in commands] == [
        "tools/train_cls.py",
        "tools/train_seg.py",
        "tools/infer.py",
    ]
    # tests/conftest.py takes one core for itself; a person who pastes the page has them all
    environment = {name: each for name, each in os.environ.items() if name != "OMP_NUM_THREADS"}
    begun = time.monotonic()
    for _, script, *words in commands:
        done = subprocess.run(
            [sys.executable, ROOT / script, *words],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-2000:]
    minutes = (time.monotonic() - begun) / 60
    report = json.loads((tmp_path / "runs/first/predictions/report.json").read_text())
    dice = {row["name"]: row["dice"]["value"] for row in report["rows"]}
    assert dice["two-stage"] > dice["all empty"] + LEAST
    assert minutes <= MINUTES
    figure(
        "R23",
        f"QUICK_START on the phantom in {minutes:.1f} min: Dice {dice['two-stage']:.3f}, "
        f"drawing nothing {dice['all empty']:.3f}",
    )
