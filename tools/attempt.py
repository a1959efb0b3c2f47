"""One row of a ladder, done by the tools one after the other; goes on where it was stopped."""

import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import nerveceg
from nerveceg.errors import NerveCegError
from nerveceg.files import write_text
from nerveceg.tools.entries import Entry

logger = logging.getLogger(__name__)

FILE = "row.json"


@dataclass(kw_only=True)
class Progress:
    """How far a row has come, as its folder remembers.

    settings: all that its score follows from. done: tools that ended well, with their seconds.
    failure: what the last one that didn't had to say.
    """

    settings: dict[str, Any]
    done: dict[str, float] = field(default_factory=dict)
    failure: str | None = None


def attempt(entry: Entry, *, overwrite: bool) -> Progress:
    """Train and score a row, from where it was stopped or, with `overwrite`, anew.

    Each tool has a process of its own, so that its end is not the ladder's.

    Raises:
        NerveCegError: the row was begun with other settings.
    """
    progress = Progress(settings=entry.settings) if overwrite else progress_of(entry)
    progress.failure = None
    for tool in (*(f"train_{stage}" for stage in entry.stages), "evaluate"):
        if tool in progress.done:
            continue
        _write(entry, progress)
        logger.info("%s: %s", entry.name, tool)
        begun = time.monotonic()
        progress.failure = _call(tool, [*entry.words, *_again(entry, tool, overwrite)], entry)
        if progress.failure is None:
            progress.done[tool] = round(time.monotonic() - begun, 1)
        _write(entry, progress)
        if progress.failure is not None:
            logger.warning("%s failed: %s", entry.name, progress.failure)
            break
    return progress


def progress_of(entry: Entry) -> Progress:
    """What the row's folder remembers; a new row's progress where there is none.

    Raises:
        NerveCegError: it was begun with other settings than the entry has now.
    """
    path = entry.folder / FILE
    if not path.is_file():
        return Progress(settings=entry.settings)
    progress = Progress(**json.loads(path.read_text(encoding="utf-8")))
    found = _difference(progress.settings, json.loads(json.dumps(entry.settings)))
    if found is not None:
        key, there, here = found
        raise NerveCegError(
            f"{entry.folder} was begun with {key}={there}, {here} is wanted now: give the same "
            "overrides, name=OTHER for another ladder, or overwrite=true to run its rows anew"
        )
    return progress


def _write(entry: Entry, progress: Progress) -> None:
    write_text(entry.folder / FILE, json.dumps(asdict(progress), indent=1) + "\n")


def _again(entry: Entry, tool: str, overwrite: bool) -> list[str]:
    """What to do about an earlier attempt's files: go on with a finished epoch, or start anew."""
    folder = entry.folder / tool.removeprefix("train_")
    if (folder / "state").is_dir() and not overwrite:
        return ["resume=true"]
    return ["overwrite=true"] if folder.is_dir() else []


def _call(tool: str, words: list[str], entry: Entry) -> str | None:
    """Run a tool with these words; returns what went wrong, in a line, or None."""
    log = entry.folder / f"{tool}.log"
    above = Path(nerveceg.__file__).parents[1]
    paths = os.pathsep.join(filter(None, (str(above), os.environ.get("PYTHONPATH"))))
    with log.open("w", encoding="utf-8") as file:
        status = subprocess.run(  # noqa: S603 - a list of words, no shell
            [sys.executable, "-m", f"nerveceg.tools.{tool}", *words],
            stdout=file,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": paths, "TQDM_DISABLE": "1"},
            check=False,
        ).returncode
    if status < 0:
        return f"{tool} was ended by signal {-status}; {log} holds what it said"
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    said = [line.strip() for line in lines if line.strip()] or [f"exit status {status}"]
    return f"{tool}: {said[-1].removeprefix('error: ')}" if status else None


def _difference(
    there: Mapping[str, Any], here: Mapping[str, Any], prefix: str = ""
) -> tuple[str, Any, Any] | None:
    """The first key whose values differ, with both."""
    for key in sorted({*there, *here}):
        one, other = there.get(key), here.get(key)
        if isinstance(one, dict) and isinstance(other, dict):
            found = _difference(one, other, f"{prefix}{key}.")
            if found is not None:
                return found
        elif one != other:
            return f"{prefix}{key}", one, other
    return None
