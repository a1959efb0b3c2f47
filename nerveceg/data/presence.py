"""Whether the truth of a frame shows the nerve."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nerveceg.data.frames import Frame
from nerveceg.data.images import read_mask_file, unknown_truth
from nerveceg.errors import DataError


def is_present(frame: Frame) -> bool:
    """Whether the true mask of a frame has a pixel; a mask file is read once a process.

    Raises:
        DataError: the truth is unknown, or the mask file can't be used.
    """
    if frame.mask is None:
        raise unknown_truth(frame)
    if isinstance(frame.mask, str):
        return bool(frame.mask.strip())
    try:
        status = frame.mask.stat()
    except OSError as error:
        raise DataError(f"{frame.mask} can't be read: {error.strerror}") from error
    return _shows_nerve(frame.mask, status.st_mtime_ns, status.st_size)


def presence_of(frames: Sequence[Frame]) -> NDArray[np.bool_]:
    """Presence of many frames, bool [N].

    Raises:
        DataError: as `is_present`.
    """
    return np.array([is_present(frame) for frame in frames], dtype=np.bool_)


@lru_cache(maxsize=1_000_000)
def _shows_nerve(mask: Path, _changed: int, _size: int) -> bool:
    return bool(read_mask_file(mask).any())
