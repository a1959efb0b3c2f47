"""Frames at native size, decoded ahead of the networks, in batches."""

import os
import time
from collections.abc import Iterator, Sequence
from threading import Thread
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset

from nerveceg.background import ahead
from nerveceg.data.frames import Frame
from nerveceg.data.images import read_image, read_mask
from nerveceg.errors import DataError, NerveCegError

OnError = Literal["stop", "skip"]


class Reading(NamedTuple):
    """One decoded frame."""

    frame: Frame
    image: NDArray[np.uint8]
    """uint8 [H, W]"""
    truth: NDArray[np.bool_] | None
    """bool [H, W], None where it isn't known or wasn't asked for"""


class Reader:
    """Iterates over lists of decoded frames, in order.

    truth: read the true masks too.
    workers: processes that decode; with none a thread does, one batch ahead.
    on_error: stop at the first frame that can't be read, or leave it out and say so in `lost`, a
        line by the frame's id.
    """

    def __init__(
        self,
        frames: Sequence[Frame],
        *,
        batch_size: int,
        truth: bool,
        workers: int = 0,
        on_error: OnError = "stop",
    ) -> None:
        if on_error not in get_args(OnError):
            raise NerveCegError(f"on_error={on_error}: stop or skip is wanted")
        self.lost: dict[str, str] = {}
        self._on_error = on_error
        self._loader = DataLoader(
            _Readings(frames, truth=truth),
            batch_size=batch_size,
            num_workers=workers,
            collate_fn=list,
            worker_init_fn=_end_with_parent,
        )

    def __iter__(self) -> Iterator[list[Reading]]:
        batches = self._loader if self._loader.num_workers else ahead(self._loader)
        for batch in batches:
            readings = [item for item in batch if isinstance(item, Reading)]
            self._note([item for item in batch if isinstance(item, _Failure)])
            if readings:
                yield readings

    @property
    def failures(self) -> list[str]:
        """A line for each frame that couldn't be read."""
        return list(self.lost.values())

    def _note(self, failures: "Sequence[_Failure]") -> None:
        if failures and self._on_error == "stop":
            raise DataError(f"{failures[0].line}; on_error=skip leaves such frames out")
        self.lost.update(failures)


class _Failure(NamedTuple):
    """A frame that couldn't be read, by its id, and why."""

    id: str
    line: str


class _Readings(Dataset[Reading | _Failure]):
    """Decoded frames; a failure in the place of one that can't be read."""

    def __init__(self, frames: Sequence[Frame], *, truth: bool) -> None:
        self._frames = frames
        self._truth = truth

    def __len__(self) -> int:
        return len(self._frames)

    def __getitem__(self, place: int) -> Reading | _Failure:
        frame = self._frames[place]
        try:
            image = read_image(frame.image)
            known = self._truth and frame.mask is not None
            return Reading(frame, image, read_mask(frame, image.shape) if known else None)
        except DataError as error:
            return _Failure(frame.id, str(error))


def _end_with_parent(worker: int) -> None:
    """End this helping process when the one that started it is gone.

    One that was killed leaves a pipe that nobody reads, and a helper that waits to write to it.
    """
    del worker
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    Thread(target=watch, daemon=True).start()
