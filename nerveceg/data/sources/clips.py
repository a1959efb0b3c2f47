"""MP4 and AVI clips to grey frames, decoded one after the other."""

import os
from collections.abc import Iterator
from contextlib import closing
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nerveceg.data.sources.limits import MOST_PICTURES, MOST_PIXELS
from nerveceg.errors import DataError

if TYPE_CHECKING:
    from av.container import InputContainer

SUFFIXES = (".mp4", ".m4v", ".mov", ".avi")


def count(file: Path) -> int:
    """How many pictures a clip holds, by its packets; nothing is decoded.

    Raises:
        DataError: it is no readable clip, or holds none or more than `MOST_PICTURES` pictures.
    """
    return _count(file, *_state(file))


def read(file: Path, place: int) -> NDArray[np.uint8]:
    """Grey levels, uint8 [H, W], of one picture; colours become luminance.

    Fast in rising order; to go back, decoding begins anew.

    Raises:
        DataError: it is no readable clip, or ends earlier.
    """
    # By process: a worker that shared an open file with its parent would move its place.
    clip = _clip(file, *_state(file), os.getpid())
    return clip.read(place)


def rate(file: Path) -> float | None:
    """Pictures a second, None where the clip doesn't say.

    Raises:
        DataError: it is no readable clip.
    """
    count(file)
    with _opened(file) as container:
        stated = container.streams.video[0].average_rate
        return float(stated) if stated else None


class _Clip:
    """A clip and how far it is decoded."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._rest: Iterator[NDArray[np.uint8]] = iter(())
        self._next = MOST_PICTURES
        self._last: NDArray[np.uint8] | None = None

    def read(self, place: int) -> NDArray[np.uint8]:
        if self._last is not None and place == self._next - 1:
            return self._last
        if place < self._next:
            self._rest, self._next = _decoded(self._file), 0
        while self._next <= place:
            self._last = next(self._rest, None)
            if self._last is None:
                ended, self._next = self._next, MOST_PICTURES
                raise DataError(
                    f"{self._file} can't be read: it is damaged or cut short after {ended} pictures"
                )
            self._next += 1
        assert self._last is not None  # noqa: S101
        return self._last


def _state(file: Path) -> tuple[int, int]:
    try:
        stated = file.stat()
    except OSError as error:
        raise DataError(f"{file} can't be read: {error.strerror}") from error
    return stated.st_mtime_ns, stated.st_size


@lru_cache(maxsize=2)
def _clip(file: Path, _changed: int, _size: int, _process: int) -> _Clip:
    return _Clip(file)


@lru_cache(maxsize=64)
def _count(file: Path, _changed: int, _size: int) -> int:
    import_av(file)
    from av.error import FFmpegError

    try:
        with _opened(file) as container:
            found = 0
            for packet in container.demux(video=0):
                found += packet.size > 0
                if found > MOST_PICTURES:
                    break
    except FFmpegError:
        raise DataError(f"{file} can't be read: its clip is damaged") from None
    if not found:
        raise DataError(f"{file} can't be read: it is a clip without pictures")
    if found > MOST_PICTURES:
        raise DataError(
            f"{file} can't be read: it holds more than {MOST_PICTURES:,} pictures, cut it into "
            "shorter clips"
        )
    return found


def _decoded(file: Path) -> Iterator[NDArray[np.uint8]]:
    """The pictures from the first on, until the end or the first damaged one."""
    from av.error import FFmpegError

    try:
        with closing(_opened(file)) as container:
            for frame in container.decode(video=0):
                picture = Image.fromarray(frame.to_ndarray(format="rgb24", threads=1))
                yield np.array(picture.convert("L"))
    except FFmpegError:
        return


def _opened(file: Path) -> "InputContainer":
    """An open clip, of a container named by its first bytes: no playlist is ever followed."""
    import av

    container = av.open(file, format=_container(file))
    if not container.streams.video:
        container.close()
        raise DataError(f"{file} can't be read: it is a clip without pictures")
    coded = container.streams.video[0].codec_context
    if not 0 < coded.width * coded.height <= MOST_PIXELS:
        container.close()
        raise DataError(
            f"{file} can't be read: it claims {coded.width} x {coded.height} pixels, at most "
            f"{MOST_PIXELS:,} are read"
        )
    # One thread: a worker forked from here would wait for threads that it doesn't have.
    coded.thread_count = 1
    return container


def _container(file: Path) -> str:
    with file.open("rb") as start:
        first = start.read(12)
    if first[4:8] == b"ftyp":
        return "mp4"
    if first[:4] == b"RIFF" and first[8:] == b"AVI ":
        return "avi"
    raise DataError(f"{file} can't be read: it is no MP4 or AVI clip, or its start is damaged")


def import_av(file: Path) -> None:
    """Check that clips can be read and written.

    Raises:
        DataError: the extra is missing.
    """
    try:
        import av  # noqa: F401
    except ImportError:
        raise DataError(f"{file}: clips want an extra, pip install 'nerveceg[video]'") from None
