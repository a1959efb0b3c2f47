"""SIGTERM and SIGINT as a flag that a run looks at between updates, where it can be saved."""

import os
import signal
import threading
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

STOPPING = (signal.SIGTERM, signal.SIGINT)
KILLED = 128
"""Exit status of a process that a signal ended is this and the signal's number."""


class Interrupted(KeyboardInterrupt):
    """A run was asked to stop, and has saved its state."""

    def __init__(self, number: signal.Signals, *, saved: Path) -> None:
        super().__init__(f"stopped by {number.name}; its state is saved in {saved.parent}")
        self.status = KILLED + number
        self.saved = saved


class Interruption:
    """While open, a first SIGTERM or SIGINT is noted; a second one ends the process at once.

    Only in a process's main thread; elsewhere signals stay as they are.
    """

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "Interruption":
        """Note signals from now on."""
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in STOPPING}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave signals to whoever had them before."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        # No reading, writing or logging here: it may come in the midst of just that.
        if self.signal is not None:
            os._exit(KILLED + number)
        self.signal = signal.Signals(number)


def leave_signals_to_parent(worker: int) -> None:
    """In a process that prepares frames: a signal to the whole group is the training's to handle.

    worker: its number, which makes no difference.
    """
    for number in STOPPING:
        signal.signal(number, signal.SIG_IGN)
