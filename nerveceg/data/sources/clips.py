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
_LIMIT = {"max_pixels": str(MOST_PIXELS)}  # FFmpeg decodes a picture to learn a clip's size


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
    with closing(_opened(file)) as container:
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
    with closing(_opened(file)) as container:
        try:
            found = 0
            for packet in container.demux(video=0):
                found += packet.size > 0
                if found > MOST_PICTURES:
                    break
        except Exception:  # FFmpeg answers damaged bytes with errors of any class
            raise _damaged(file) from None
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
    with closing(_opened(file)) as container:
        try:
            for frame in container.decode(video=0):
                _refuse_giants(file, frame.width, frame.height)
                picture = Image.fromarray(frame.to_ndarray(format="rgb24", threads=1))
                yield np.array(picture.convert("L"))
        except Exception:  # as above
            return


def _opened(file: Path) -> "InputContainer":
    """An open clip, of a container named by its first bytes: no playlist is ever followed."""
    import av

    kind = _container(file)
    try:
        container = av.open(file, format=kind, options=_LIMIT, metadata_errors="ignore")
    except Exception:  # as above
        raise _damaged(file) from None
    try:
        _prepare(file, container)
    except BaseException:
        container.close()
        raise
    return container


def _prepare(file: Path, container: "InputContainer") -> None:
    """Refuse a clip that isn't to be decoded."""
    if not container.streams.video:
        raise DataError(f"{file} can't be read: it is a clip without pictures")
    coded = container.streams.video[0].codec_context
    if coded is None:  # FFmpeg knows no such codec
        raise _damaged(file)
    _refuse_giants(file, coded.width, coded.height)
    # One thread: a worker forked from here would wait for threads that it doesn't have.
    coded.thread_count = 1


def _refuse_giants(file: Path, width: int, height: int) -> None:
    if not 0 < width * height <= MOST_PIXELS:
        claimed = f"{width} x {height}" if width * height else "no or too many"
        raise DataError(
            f"{file} can't be read: it claims {claimed} pixels, at most {MOST_PIXELS:,} are read"
        )


def _damaged(file: Path) -> DataError:
    return DataError(f"{file} can't be read: its clip is damaged or of an unknown codec")


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
