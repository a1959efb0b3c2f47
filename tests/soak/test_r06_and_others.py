"""R6, R20, R28, R30, R31: the tests of each are its check in full; here they are counted."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CHECKS = {
    "R6": ["tests/test_malicious.py", "tests/test_documents.py"],
    "R20": ["tests/test_augmentations.py", "-k", "argument"],
    "R28": ["tests/test_schema.py"],
    "R30": ["tests/data/test_odd_folders.py"],
    "R31": ["tests/outputs/app", "tests/test_app.py"],
}


@pytest.mark.parametrize("check", CHECKS)
def test_all_tests_of_a_check_pass(check, figure):
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *CHECKS[check]],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert ended.returncode == 0, ended.stdout[-3000:]
    counts = re.findall(r"(\d+) (passed|skipped)", ended.stdout.splitlines()[-1])
    figure(check, "its tests: " + ", ".join(f"{count} {word}" for count, word in counts))
