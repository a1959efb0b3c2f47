"""Blocks whose warnings are ignored, one thread at a time."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock

_in_use = RLock()


@contextmanager
def quiet(*, raised: type[Warning] | None = None) -> Iterator[None]:
    """Ignore warnings within the block, but raise those of a class.

    Filters belong to the whole process: of two threads in such blocks at once, the first to leave
    would lift the other's filters, and the second put back filters that were lifted.
    """
    with _in_use, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if raised is not None:
            warnings.simplefilter("error", raised)
        yield


def _renew() -> None:
    """In a new process: a thread that held the lock stayed behind in its parent."""
    global _in_use
    _in_use = RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)
