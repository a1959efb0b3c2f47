"""A run's folder as plain facts for its page: logs, configuration, networks, label conflicts."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from nerveceg.data.frames import natural_key
from nerveceg.documents import read_object, read_yaml
from nerveceg.errors import DataError
from nerveceg.outputs.html.report.gallery import picture_file
from nerveceg.outputs.html.report.learning import Log, read_log
from nerveceg.privacy import without_paths

STAGES = ("cls", "seg")
MOST_CONFLICTS = 50
PACKAGES = ("torch", "timm", "segmentation-models-pytorch", "albumentations", "numpy", "scipy")


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a run's own files say of it; empty where a file isn't there.

    logs: lines of log.jsonl by stage and member. configuration: YAML without private paths.
    conflicts: rows of an audit's pairs.csv that contradict each other, and `pairs`, how many there
    are in all. conflicts_picture: the audit's pairs.png as a `data:` address.
    """

    logs: Mapping[str, Mapping[str, Log]] = field(default_factory=dict)
    configuration: str = ""
    networks: tuple[str, ...] = ()
    data: str | None = None
    split: str | None = None
    trained_on: int | None = None
    views: int | None = None
    conflicts: tuple[Mapping[str, str], ...] = ()
    conflicts_found: int = 0
    pairs: int | None = None
    conflicts_picture: str | None = None
    packages: Mapping[str, str] = field(default_factory=dict)


def read_run(folder: Path) -> Run:
    """The facts in a run's folder and in those of its folds, `fold_0` and so on."""
    numbered = sorted(folder.glob("fold_*"), key=lambda path: natural_key(path.name))
    members = [path for path in numbered if path.is_dir()] or [folder]
    facts = {stage: _json(members[0] / stage / "config.json") for stage in STAGES}
    described, last = _json(folder / "pipeline.json"), facts["seg"]
    pairs = _pairs(folder)
    wrong = [pair for pair in pairs or [] if pair.get("kind") not in (None, "agrees")]
    pictured = (folder / "audit" / "pairs.png", folder / "pairs.png")
    pictures = (picture_file(path, width=1000) for path in pictured)
    return Run(
        logs={
            stage: {
                "." if path == folder else path.name: read_log(path / stage / "log.jsonl")
                for path in members
            }
            for stage in STAGES
        },
        configuration=_configuration(members[0]),
        networks=tuple(
            _network(stage, facts[stage], len(members)) for stage in STAGES if facts[stage]
        ),
        data=_text(last.get("data")),
        split=_split(last.get("split")),
        trained_on=len(described["trained_on"]) if "trained_on" in described else None,
        views=len(described["views"]) if "views" in described else None,
        conflicts=tuple(wrong[:MOST_CONFLICTS]),
        conflicts_found=len(wrong),
        pairs=None if pairs is None else len(pairs),
        conflicts_picture=next((picture for picture in pictures if picture), None),
        packages=_versions(),
    )


def _configuration(member: Path) -> str:
    import yaml

    for stage in reversed(STAGES):
        path = member / stage / "config.yaml"
        if path.is_file():
            try:
                content = read_yaml(path)
            except DataError:
                return ""
            return str(yaml.safe_dump(without_paths(content), sort_keys=False, allow_unicode=True))
    return ""


def _network(stage: str, facts: Mapping[str, Any], members: int) -> str:
    arguments = facts.get("arguments") or {}
    named = [arguments.get(name) for name in ("architecture", "encoder", "backbone", "name")]
    words = " ".join(str(name) for name in named if name) or str(facts.get("class") or "a network")
    times = f", {members} folds" if members > 1 else ""
    return f"{stage}: {words}{times}"


def _split(split: object) -> str | None:
    if not isinstance(split, dict):
        return _text(split)
    return ", ".join(f"{name} {value}" for name, value in split.items() if name != "fold")


def _text(value: object) -> str | None:
    return None if value is None else str(without_paths(str(value)))


def _pairs(folder: Path) -> list[dict[str, str]] | None:
    for path in (folder / "audit" / "pairs.csv", folder / "pairs.csv"):
        if path.is_file():
            with path.open(encoding="utf-8", errors="replace", newline="") as file:
                return list(csv.DictReader(file))
    return None


def _json(path: Path) -> dict[str, Any]:
    try:
        return read_object(path)
    except DataError:
        return {}


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
