"""Decoded frames as rows of one size, and files of such rows that processes map into memory."""

import hashlib
import json
import zlib
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import PIL
import torch
from numpy.typing import NDArray

from nerveceg.data.filters import Filter
from nerveceg.data.frames import Frame
from nerveceg.data.geometry import Geometry
from nerveceg.data.images import unknown_truth
from nerveceg.data.sources import file_of
from nerveceg.errors import DataError
from nerveceg.files import replacing

Row = np.void
Rows = NDArray[np.void]

FORMAT = 1
KEY_BYTES = 16


def row_type(size: tuple[int, int]) -> np.dtype[np.void]:
    """A decoded frame of h x w pixels in bytes.

    key: `key_of` its frame. check: CRC-32 of the rest. present: the native mask has a pixel.
    image: uint8 [h, w]. mask: its h * w bits, eight a byte.
    """
    height, width = size
    return np.dtype(
        [
            ("key", f"V{KEY_BYTES}"),
            ("check", "<u4"),
            ("present", "u1"),
            ("image", "u1", (height, width)),
            ("mask", "u1", (-(-height * width // 8),)),
        ]
    )


def checksum(row: Row) -> int:
    """CRC-32 of all that a row says."""
    check = zlib.crc32(row["key"].tobytes() + row["present"].tobytes())
    for name in ("image", "mask"):
        check = zlib.crc32(row[name].data, check)
    return check


def key_of(frame: Frame) -> bytes:
    """What changes when the frame's files do: names, sizes and times of change, or the runs.

    Raises:
        DataError: a file isn't there, or the truth is unknown.
    """
    if frame.mask is None:
        raise unknown_truth(frame)
    said = [str(frame.image.absolute()), *_state(file_of(frame.image))]
    if isinstance(frame.mask, str):
        said.append(f"runs {frame.mask}")
    else:
        said += [str(frame.mask.absolute()), *_state(frame.mask)]
    return _digest(*said)


def preparation_of(geometry: Geometry, filter: Filter | None) -> str:
    """Hex digest of what is done to a frame before its row is kept, and of who does it."""
    done = json.dumps([geometry.to_dict(), filter and filter.to_dict()], sort_keys=True)
    return _digest(done, str(FORMAT), torch.__version__, PIL.__version__).hex()


class Pack:
    """A file of rows, mapped into memory; its pages are shared by every process that reads it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @cached_property
    def rows(self) -> Rows:
        """The rows, read-only."""
        rows: Rows = np.load(self.path, mmap_mode="r", allow_pickle=False)
        return rows

    def is_sound(self, kind: np.dtype[np.void]) -> bool:
        """Whether the file is whole and its rows are of this type."""
        try:
            return self.rows.dtype == kind and self.rows.ndim == 1
        except (OSError, ValueError, EOFError):  # what numpy raises at a damaged .npy
            return False

    def __getstate__(self) -> dict[str, Any]:
        # A worker that isn't a fork maps the file itself: a map would be sent as its bytes.
        return {"path": self.path}


class Held:
    """Rows in this process's memory, as a tensor, which torch moves to workers without a copy."""

    def __init__(self, kind: np.dtype[np.void], count: int) -> None:
        self._kind = kind
        self._bytes = torch.empty((count, kind.itemsize), dtype=torch.uint8)

    @property
    def rows(self) -> Rows:
        """The rows, to be filled and read."""
        return self._bytes.numpy().view(self._kind)[:, 0]


def write_pack(folder: Path, rows: Iterable[Row], *, keys: Sequence[bytes], kind: Any) -> Pack:
    """Write rows, one a key in the order of the keys, as a new file, whole or not at all."""
    path = folder / f"{_digest(*(key.hex() for key in keys)).hex()}.npy"
    with replacing(path) as beside:
        mapped = np.lib.format.open_memmap(beside, mode="w+", dtype=kind, shape=(len(keys),))
        for place, row in enumerate(rows):
            mapped[place] = row
        mapped.flush()
        del mapped
    return Pack(path)


def _state(path: Path) -> tuple[str, str]:
    try:
        state = path.stat()
    except OSError as error:
        raise DataError(f"{path} can't be read: {error.strerror}") from error
    return str(state.st_size), str(state.st_mtime_ns)


def _digest(*said: str) -> bytes:
    return hashlib.blake2b("\0".join(said).encode(), digest_size=KEY_BYTES).digest()
