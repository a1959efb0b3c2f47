"""The last two states of a run on disk, each with its sha256, and when the next is due."""

import hashlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from signal import Signals
from typing import Any

from nerveceg.errors import NerveCegError
from nerveceg.files import sha256_of, sweep_parts, write_bytes, write_text
from nerveceg.processes import agree, count, is_first, most
from nerveceg.training.interruption import Interrupted, Interruption
from nerveceg.training.state import State, load_state, pack_state

logger = logging.getLogger(__name__)

KEPT = 2
LONGEST = 600.0
"""Seconds of training that are at stake at most, where updates aren't counted."""


class States:
    """Numbered states in a folder: `7.safetensors`, and its sha256 in `7.sha256`.

    The sha256 is written first: a state without one was never finished.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._damaged: list[Path] = []

    def paths(self) -> list[Path]:
        """The states that are there, the newest first."""
        found = [path for path in self.folder.glob("*.safetensors") if path.stem.isdecimal()]
        return sorted(found, key=lambda path: int(path.stem), reverse=True)

    def save(self, state: Mapping[str, Any]) -> Path:
        """Write a state, then forget all but the last two.

        Raises:
            DiskFullError: there is no room for it; those before are whole.
        """
        content, before = pack_state(state), self.paths()
        path = self.folder / f"{int(before[0].stem) + 1 if before else 1}.safetensors"
        whole = [known for known in before if known not in self._damaged]
        digest = hashlib.sha256(content).hexdigest()
        write_text(path.with_suffix(".sha256"), f"{digest}  {path.name}\n")
        write_bytes(path, content)
        self._forget([*self._damaged, *whole[KEPT - 1 :]])
        return path

    def load(self) -> State:
        """The newest state that is whole; a warning names each that isn't.

        Raises:
            NerveCegError: there is none.
        """
        paths = self.paths()
        damages = []
        for path in paths:
            damage = damage_of(path)
            if damage is None:
                return load_state(path)
            damages.append(damage)
            self._damaged.append(path)
            logger.warning("%s: the one before it is tried", damage)
        found = damages[0] if damages else f"{self.folder} holds no state"
        raise NerveCegError(f"{found}: nothing to go on from; overwrite=true starts anew")

    def sweep(self) -> None:
        """Remove what was left half-written here and above, and sums without a state."""
        for folder in (self.folder, self.folder.parent):
            sweep_parts(folder)
        for listed in self.folder.glob("*.sha256"):
            if not listed.with_suffix(".safetensors").exists():
                listed.unlink()

    def _forget(self, paths: list[Path]) -> None:
        for path in paths:
            path.unlink(missing_ok=True)
            path.with_suffix(".sha256").unlink(missing_ok=True)


def damage_of(path: Path) -> str | None:
    """What is wrong with a state, with the sha256 that it has and the one it had; or None."""
    listed = path.with_suffix(".sha256")
    words = listed.read_text(encoding="utf-8", errors="replace").split() if listed.is_file() else []
    wanted, found = (words[0] if words else "none"), sha256_of(path)
    if wanted == found:
        return None
    return f"{path} is damaged: its sha256 is {found}, {listed.name} says {wanted}"


class Keeper:
    """Saves the state of a run between two updates: when it is due, and when it is to stop.

    parts: give what the state is made of. every: updates from one save to the next; None is by
    time. Of several processes, which have one state, the first saves it.
    """

    def __init__(
        self,
        states: States,
        parts: Sequence[Callable[[], Mapping[str, Any]]],
        *,
        every: int | None,
        interruption: Interruption,
    ) -> None:
        self._states = states
        self._parts = parts
        self._every = every
        self._interruption = interruption
        self._updates, self._saved = 0, time.monotonic()

    def save(self) -> None:
        """Save the state now."""
        if is_first():
            self._write()

    def _write(self) -> Path:
        path = self._states.save({name: v for part in self._parts for name, v in part().items()})
        self._updates, self._saved = 0, time.monotonic()
        return path

    def after_update(self) -> None:
        """Save where it is due."""
        self._updates += 1
        if self._every is not None:
            due = self._updates >= self._every
        else:
            due = time.monotonic() - self._saved >= LONGEST
        if due:
            self.save()

    @property
    def must_stop(self) -> bool:
        """Whether somebody asked the process to end; several end after an update, together."""
        return self._interruption.signal is not None and count() == 1

    def stop_if_asked(self) -> None:
        """Between updates alone: save and end where somebody asked for it, any process of several.

        Raises:
            Interrupted: somebody did.
        """
        asked = most(self._interruption.signal or 0)
        if asked:
            raise Interrupted(Signals(asked), saved=agree(self._write))
