"""One training at a time in a stage's folder."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from nerveceg.errors import NerveCegError
from nerveceg.files import named_if_full

LOCK = ".lock"
"""Stays in the folder; held by a living process alone, so that none has to be removed."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a stage's folder, which is made where there is none.

    Raises:
        NerveCegError: another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / LOCK
    lock = FileLock(path, blocking=False)
    try:
        lock.acquire()
    except Timeout:
        holder = path.read_text(encoding="utf-8") or "another one"
        raise NerveCegError(
            f"{folder} is being trained into by process {holder}: wait for it, end it, or "
            "name=OTHER for a run of its own"
        ) from None
    try:
        with named_if_full(path):
            path.write_text(str(os.getpid()), encoding="utf-8")
        yield
    finally:
        lock.release()


def refuse_if_locked(folder: Path) -> None:
    """Say at once what `locked` would say later.

    Raises:
        NerveCegError: another process holds the folder.
    """
    if (folder / LOCK).is_file():
        with locked(folder):
            pass
