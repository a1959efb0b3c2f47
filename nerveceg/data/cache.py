"""Where decoded frames are kept: mapped from disk between runs, in memory, or nowhere."""

import logging
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nerveceg.data.decoding import Decoder, decode
from nerveceg.data.filters import Filter
from nerveceg.data.frames import Frame
from nerveceg.data.geometry import Geometry
from nerveceg.data.packs import (
    Held,
    Pack,
    Row,
    checksum,
    key_of,
    preparation_of,
    write_pack,
)
from nerveceg.data.presence import presence_of
from nerveceg.errors import NerveCegError

logger = logging.getLogger(__name__)

KINDS = ("auto", "disk", "memory", "none")
SPARE = 2
"""How many times what the frames take must be free for `auto` to take it."""


class Decoded(Protocol):
    """Decoded frames by their places."""

    present: NDArray[np.bool_]
    """[F], whether the native mask has a pixel"""

    def __getitem__(self, place: int) -> Row:
        """A frame's row, read-only."""


@dataclass(frozen=True, kw_only=True)
class Cache:
    """How decoded frames are kept; changes the time that a run takes and nothing that it sees.

    kind: disk: in `folder`, decoded once for every stage, fold and run that sees them at one size;
        memory: decoded at each start; none: decoded whenever they are shown; auto: the first of
        these for which there is room.
    folder: of the files; it may be deleted whenever no run reads it. None: no disk.
    """

    kind: str = "memory"
    folder: Path | str | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise NerveCegError(f"data.cache={self.kind}: any of {', '.join(KINDS)}")
        if self.kind == "disk" and self.folder is None:
            raise NerveCegError("data.cache=disk without a folder: data.cache_folder=FOLDER")

    def open(
        self,
        frames: Sequence[Frame],
        *,
        geometry: Geometry,
        filter: Filter | None = None,
        progress: bool = True,
    ) -> Decoded:
        """The frames' rows, decoded now where they weren't kept.

        Raises:
            DataError: a frame can't be read, or its truth is unknown.
            NerveCegError: the folder can't be written.
        """
        decoder, keys = Decoder(geometry, filter), [key_of(frame) for frame in frames]
        size = decoder.kind.itemsize * len(frames)
        kind = self._choose(size) if self.kind == "auto" else self.kind
        if kind == "none":
            return _Streamed(frames, decoder)
        if kind == "memory":
            return _hold(frames, keys, decoder, progress=progress)
        assert self.folder is not None  # noqa: S101
        folder = Path(self.folder, preparation_of(geometry, filter))
        try:
            return _map(folder, frames, keys, decoder, progress=progress)
        except OSError as error:
            if self.kind == "disk":
                raise NerveCegError(
                    f"data.cache_folder={self.folder} can't be written: {error.strerror or error}; "
                    "data.cache_folder=OTHER, or data.cache=memory"
                ) from error
            return _hold(frames, keys, decoder, progress=progress)

    def _choose(self, size: int) -> str:
        if self.folder is not None and size * SPARE <= _free_disk(Path(self.folder)):
            return "disk"
        if size * SPARE <= _free_memory():
            return "memory"
        logger.warning(
            "%d MB of decoded frames find no room in memory nor on disk: they are decoded in each "
            "epoch",
            size // 2**20,
        )
        return "none"


class _Streamed:
    """Frames that are decoded whenever they are asked for."""

    def __init__(self, frames: Sequence[Frame], decoder: Decoder) -> None:
        self._frames, self._decoder = frames, decoder
        self.present = presence_of(frames)

    def __getitem__(self, place: int) -> Row:
        return self._decoder(self._frames[place])


class _Kept:
    """Rows of several packs, or of memory, by the frames' places.

    where: int [F, 2], pack and row of each frame.
    """

    def __init__(self, packs: Sequence[Pack | Held], where: Sequence[tuple[int, int]]) -> None:
        self._packs, self._where = packs, where
        self.present = np.array([self[place]["present"] > 0 for place in range(len(where))])

    def __getitem__(self, place: int) -> Row:
        pack, row = self._where[place]
        found: Row = self._packs[pack].rows[row]
        return found


def _hold(
    frames: Sequence[Frame], keys: Sequence[bytes], decoder: Decoder, *, progress: bool
) -> _Kept:
    held = Held(decoder.kind, len(frames))
    for place, row in enumerate(decode(frames, keys, decoder=decoder, progress=progress)):
        held.rows[place] = row
    return _Kept([held], [(0, place) for place in range(len(frames))])


def _map(
    folder: Path,
    frames: Sequence[Frame],
    keys: Sequence[bytes],
    decoder: Decoder,
    *,
    progress: bool,
) -> _Kept:
    """Rows from the folder's packs; those that none holds, or that are damaged, in a new one."""
    # The newest first: what it holds was missing or damaged in the others.
    paths = sorted(folder.glob("*.npy"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    packs = [pack for pack in map(Pack, paths) if pack.is_sound(decoder.kind)]
    where = _find(packs, keys)
    missing = {key: frame for key, frame in zip(keys, frames, strict=True) if key not in where}
    if missing:
        rows = decode([*missing.values()], [*missing], decoder=decoder, progress=progress)
        packs.append(write_pack(folder, rows, keys=[*missing], kind=decoder.kind))
        where |= {key: (len(packs) - 1, row) for row, key in enumerate(missing)}
    logger.info(
        "decoded frames: %d, of which %d had to be decoded; %d MB in %s",
        *(len(frames), len(missing)),
        *(sum(pack.path.stat().st_size for pack in packs) // 2**20, folder),
    )
    return _Kept(packs, [where[key] for key in keys])


def _find(packs: Sequence[Pack], keys: Sequence[bytes]) -> dict[bytes, tuple[int, int]]:
    """Pack and row of each key that has a sound row."""
    wanted, found = set(keys), dict[bytes, tuple[int, int]]()
    for number, pack in enumerate(packs):
        for place, key in enumerate(pack.rows["key"].tolist()):
            if key in wanted and key not in found:
                row = pack.rows[place]
                if row["check"] == checksum(row):
                    found[key] = (number, place)
    return found


def _free_disk(folder: Path) -> int:
    """Bytes that may be written to a folder; 0 where none may."""
    there = next(parent for parent in (folder, *folder.absolute().parents) if parent.is_dir())
    return shutil.disk_usage(there).free if os.access(there, os.W_OK) else 0


def _free_memory() -> int:
    """Bytes that a process may take without another losing its own."""
    from psutil import virtual_memory

    return int(virtual_memory().available)
