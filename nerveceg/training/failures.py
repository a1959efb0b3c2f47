"""What goes wrong beside the numbers, in one line: a frame, a helping process, the memory."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch.utils.data import Dataset

from nerveceg.data.dataset import Batch, FrameDataset
from nerveceg.errors import DataError, NerveCegError
from nerveceg.memory import is_out_of_memory
from nerveceg.processes import count

_IN_A_WORKER = "in DataLoader worker process"
_NOT_REPEATABLE = "does not have a deterministic implementation"
_OTHER_ENDED = ("Connection closed by peer", "Connection reset by peer", "Broken pipe", "aborted")
_WORKER_ENDED = ("is killed by signal", "exited unexpectedly")


class OutOfMemoryError(NerveCegError):
    """A batch that doesn't fit into the memory.

    batch_size, accumulate: what would fit, with as many frames an update.
    """

    def __init__(self, *, batch_size: int, accumulate: int) -> None:
        fits = next(n for n in range(max(1, batch_size // 2), 0, -1) if batch_size % n == 0)
        self.batch_size, self.accumulate = fits, accumulate * (batch_size // fits)
        self.smaller = fits < batch_size
        super().__init__(f"out of memory at batch_size={batch_size}")


class NamedFrames(Dataset[Batch]):
    """The same frames; one that can't be prepared is named, whichever process prepares it."""

    def __init__(self, frames: FrameDataset) -> None:
        self._frames = frames

    def __len__(self) -> int:
        return len(self._frames)

    def __getitem__(self, key: tuple[int, int]) -> Batch:
        """A frame as `FrameDataset` gives it.

        Raises:
            DataError: it names the frame's file and the cause, but for a lack of memory.
        """
        try:
            return self._frames[key]
        except DataError:
            raise
        except Exception as error:
            if is_out_of_memory(error):
                raise
            path = self._frames.frames[key[1]].image
            cause = " ".join(str(error).split())
            raise DataError(
                f"{path} can't be prepared for training ({type(error).__name__}: {cause})"
            ) from error


@contextmanager
def failures_in_words(*, batch_size: int, accumulate: int) -> Iterator[None]:
    """Say in one line what torch says in twenty.

    Raises:
        OutOfMemoryError: the block had too little memory.
        DataError: a frame couldn't be prepared.
        NerveCegError: a process that prepares frames died.
    """
    try:
        yield
    except (RuntimeError, MemoryError, DataError) as error:
        if is_out_of_memory(error):
            raise OutOfMemoryError(batch_size=batch_size, accumulate=accumulate) from error
        text = str(error)
        if _IN_A_WORKER in text:
            raise _said_by_worker(text) from error
        if _NOT_REPEATABLE in text:
            raise NerveCegError(
                f"runtime.deterministic=true, but {text.split()[0]} can't be repeated to the bit "
                "on this device: another loss or network may, or runtime.deterministic=false"
            ) from error
        if count() > 1 and any(words in text for words in _OTHER_ENDED):
            raise NerveCegError("another process of this run has ended") from error
        if any(words in text for words in _WORKER_ENDED):
            raise NerveCegError(
                f"{' '.join(text.split())}: too little memory is the usual cause; fewer "
                "runtime.workers take less"
            ) from error
        raise


def _said_by_worker(text: str) -> Any:
    """The last line of its traceback, without the name of the class."""
    last = [line for line in text.splitlines() if line.strip()][-1]
    return DataError(last.partition("Error: ")[2] or last)
