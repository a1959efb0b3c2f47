"""R34: the whole tree's licences, the locks, and no finding of ruff's security rules."""

import json
import subprocess
import sys
from collections import Counter
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def chain():
    """The quick form's own functions."""
    spec = spec_from_file_location("supply_chain", ROOT / "tests/test_supply_chain.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_tree_holds_permissive_licences_and_what_is_listed(chain, figure):
    chain.test_every_licence_in_the_tree_is_permissive_or_listed_with_its_reason()
    names = set(chain.tree())
    vendor = {name for name in names if name.startswith(chain.VENDOR)}
    listed = names & set(chain.LISTED)
    assert listed == set(chain.LISTED), f"no longer there: {set(chain.LISTED) - listed}"
    plain = len(names) - len(vendor) - len(listed)
    figure(
        "R34",
        f"{len(names)} packages with every extra: {plain} permissive, {len(listed)} listed with "
        f"their reason, {len(vendor)} of the GPU vendor, 0 GPL, AGPL or non-commercial",
    )


def test_what_is_installed_is_what_the_lock_says(chain, figure):
    locked = dict(chain.locked(ROOT / "requirements/ci.lock"))
    missing = set(chain.tree()) - set(locked) - {"setuptools"}
    assert not missing
    hashes = sum(entry.count("--hash=sha256:") for entry in locked.values())
    figure("R34", f"ci.lock: {len(locked)} packages, {hashes:,} hashes, 0 addresses")


def test_ruffs_security_rules_find_nothing(figure):
    found = ruff("--output-format", "json")
    silenced = ruff("--output-format", "json", "--ignore-noqa")
    assert json.loads(found.stdout) == []
    counted = Counter(finding["code"] for finding in json.loads(silenced.stdout))
    told = ", ".join(f"{code} {number}" for code, number in sorted(counted.items())) or "none"
    figure("R34", f"ruff S: 0 findings; silenced with a reason: {told}")


def ruff(*words):
    command = [sys.executable, "-m", "ruff", "check", "--select", "S", *words]
    return subprocess.run(
        [*command, "nerveceg", "tools", "conf", "setup.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
