"""R22: a fresh environment by INSTALL.md's own commands, from the lock, to a whole demo."""

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("nerveceg", "conf", "tools", "docs", "requirements", "tests")
FILES = ("setup.py", "pyproject.toml", "Makefile", "README.md", "INSTALL.md", "LICENSE")
ELSEWHERE = re.compile(
    r"[A-Z]{4,}_|FILE|--find-links|pip download|make (test|slow|check|demo)|torchrun"
)
"""Commands with something to fill in, for two machines, or with a check of their own."""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of the sources; its environment of some gigabytes goes when the tests are done."""
    copy = tmp_path_factory.mktemp("checkout")
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy(ROOT / name, copy / name)
    yield copy
    shutil.rmtree(copy / ".venv", ignore_errors=True)


def call(words, folder):
    """Output and seconds of a command that has to end well, without this environment's words."""
    inherited = {k: v for k, v in os.environ.items() if k not in ("VIRTUAL_ENV", "PYTHONPATH")}
    path = f"{folder / '.venv/bin'}{os.pathsep}{os.environ['PATH']}"
    begun = time.monotonic()
    done = subprocess.run(
        words,
        cwd=folder,
        env={**inherited, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{words}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
    return done.stdout, time.monotonic() - begun


def test_make_installs_what_the_locks_say_and_pip_finds_nothing_wrong(checkout, figure):
    seconds = {}
    for target, lock in ((".demo", "demo"), (".dev", "ci")):
        said, seconds[lock] = call(["make", f".venv/bin/{target}"], checkout)
        assert "No broken requirements" in said
        listed, _ = call([".venv/bin/pip", "list", "--format=freeze"], checkout)
        for name, version in _pins(checkout / f"requirements/{lock}.lock").items():
            assert _pins_in(listed)[name] == version, name
    took = ", ".join(f"{lock}.lock in {value:.0f} s" for lock, value in seconds.items())
    figure("R22", f"fresh environment: {took}, pip check clean")


def test_the_licences_of_what_was_installed_are_in_order(checkout):
    words = [".venv/bin/python", "-m", "pytest", "-q", "tests/test_supply_chain.py"]
    call(words, checkout)


def test_every_documented_command_and_every_tool_runs(checkout, figure):
    page = (checkout / "INSTALL.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```bash\n(.*?)```", page, flags=re.DOTALL)
    ran = [block for block in blocks if not ELSEWHERE.search(block)]
    assert len(ran) >= 2
    for block in ran:
        call(["bash", "-euc", block], checkout)
    tools = sorted((checkout / ".venv/bin").glob("nerveceg-*"))
    assert len(tools) >= 11
    for tool in tools:
        said, _ = call([tool, "--help"], checkout)
        assert "Keys:" in said or "usage" in said, tool
    figure("R22", f"{len(ran)} of {len(blocks)} blocks of INSTALL.md, {len(tools)} commands --help")


def test_make_demo_trains_predicts_and_reports(checkout, figure):
    said, seconds = call(["make", "demo"], checkout)
    scores = dict(re.findall(r"^(all empty|two-stage)\s+(0\.\d+)", said, flags=re.MULTILINE))
    assert float(scores["two-stage"]) > float(scores["all empty"])
    predictions = checkout / "runs/demo/predictions"
    assert {"masks", "overlays", "report.html"} <= {path.name for path in predictions.iterdir()}
    figure(
        "R22",
        f"make demo in {seconds:.0f} s: two-stage {scores['two-stage']}, "
        f"all empty {scores['all empty']}",
    )


def _pins(lock: Path) -> dict[str, str]:
    return _pins_in(lock.read_text(encoding="utf-8"))


def _pins_in(text: str) -> dict[str, str]:
    found = re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)", text, flags=re.MULTILINE)
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in found}
