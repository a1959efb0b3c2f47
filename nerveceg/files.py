"""Files that are whole or not there: written beside, flushed to the disk, then renamed over."""

import errno
import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from nerveceg.errors import NerveCegError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What the system says where a disk, a quota or the largest size of a file is used up."""


class DiskFullError(NerveCegError):
    """A file that found no room; the one that it was to replace is whole."""


@contextmanager
def replacing(path: Path, *, needed: int | None = None) -> Iterator[Path]:
    """A path to write to; it takes `path`'s place when the block ends without an error.

    needed: bytes, where they are known before.

    Raises:
        DiskFullError: there is no room for it.
    """
    with named_if_full(path, needed=needed):
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            yield beside
            with beside.open("rb+") as file:
                os.fsync(file.fileno())
            beside.replace(path)
            _flush_folder(path.parent)
        finally:
            beside.unlink(missing_ok=True)


@contextmanager
def named_if_full(path: Path, *, needed: int | None = None) -> Iterator[None]:
    """Say in one line which file found no room.

    Raises:
        DiskFullError: the block met a full disk.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        wanted = "more bytes" if needed is None else f"{needed:,} bytes"
        raise DiskFullError(
            f"the disk is full ({os.strerror(error.errno or 0)}): {path.name} needs {wanted}, "
            f"{_free(path.parent):,} are free in {path.parent}; free some, then go on, a training "
            "with resume=true"
        ) from error


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file: whoever reads finds the old one or the new one, whole."""
    write_together({path: content})


def write_together(contents: Mapping[Path, bytes]) -> None:
    """Write files that belong together: all are on the disk before the first is renamed."""
    with ExitStack() as stack:
        for path, content in contents.items():
            beside = stack.enter_context(replacing(path, needed=len(content)))
            with named_if_full(path, needed=len(content)), beside.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())


def write_text(path: Path, text: str) -> None:
    """Write a text file as UTF-8, whole like `write_bytes`."""
    write_bytes(path, text.encode("utf-8"))


def append_line(path: Path, line: str) -> None:
    """Add a line to a text file, on the disk when this returns."""
    content = f"{line}\n".encode()
    with named_if_full(path, needed=len(content)), path.open("ab") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sweep_parts(folder: Path) -> None:
    """Remove what processes that died left half-written; the caller alone may write there."""
    for part in folder.glob(".*.part"):
        part.unlink(missing_ok=True)


def sha256_of(path: Path | str) -> str:
    """The file's sha256 as 64 hexadecimal digits."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def require_unchanged(path: Path, wanted: str, *, by: str, cure: str) -> None:
    """Stop at a file that isn't the one whose sha256 was written down.

    by: the file that says which is wanted. cure: what to do, at the end of the line.

    Raises:
        NerveCegError: it names both.
    """
    found = sha256_of(path)
    if found != wanted:
        raise NerveCegError(
            f"{path} has sha256 {found[:12]}..., {by} wants {wanted[:12]}...: the file was changed "
            f"or damaged; {cure}"
        )


def _free(folder: Path) -> int:
    nearest = next(place for place in (folder, *folder.parents) if place.exists())
    return shutil.disk_usage(nearest).free


def _flush_folder(folder: Path) -> None:
    """A rename outlasts a power cut once its folder is on the disk; Windows has no such call."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
