"""Frames to the batches of an epoch, also of one that was begun before."""

from collections.abc import Iterator
from typing import Any

from accelerate import Accelerator
from accelerate.data_loader import prepare_data_loader, skip_first_batches
from torch.utils.data import DataLoader, Sampler

from nerveceg.data.dataset import FrameDataset, collate
from nerveceg.data.sampling import EpochSampler, Key
from nerveceg.errors import NerveCegError
from nerveceg.processes import count, deal
from nerveceg.runtime import Runtime
from nerveceg.training.failures import NamedFrames
from nerveceg.training.interruption import leave_signals_to_parent


def make_loader(
    dataset: FrameDataset,
    sampler: EpochSampler,
    *,
    batch_size: int,
    drop_last: bool,
    runtime: Runtime,
    accelerator: Accelerator,
) -> Any:
    """Batches in the sampler's order, on the accelerator's device; this process's share of them.

    drop_last: of frames that make no whole batch, and of batches that don't reach all processes.

    Raises:
        NerveCegError: there are fewer batches than processes.
    """
    workers = runtime.worker_count
    loader = DataLoader(
        NamedFrames(dataset),
        batch_size=batch_size,
        sampler=Share(sampler, batch_size=batch_size, whole=drop_last) if count() > 1 else sampler,
        num_workers=workers,
        collate_fn=collate,
        drop_last=drop_last,
        pin_memory=accelerator.device.type == "cuda",
        persistent_workers=workers > 0,
        worker_init_fn=leave_signals_to_parent,
    )
    # Its batches are this process's own: accelerate would deal them once more, and pad them.
    return prepare_data_loader(
        loader, device=accelerator.device, num_processes=1, process_index=0, put_on_device=True
    )


class Share(Sampler[Key]):
    """One process's keys of an epoch: every so-manieth batch of the order that all have.

    whole: leave out the last round of batches where it doesn't reach every process.

    Raises:
        NerveCegError: with `whole`, not even one does.
    """

    def __init__(self, order: EpochSampler, *, batch_size: int, whole: bool) -> None:
        self._order, self._batch_size = order, batch_size
        each_round = batch_size * count()
        self._shown = len(order) // each_round * each_round if whole else len(order)
        if not self._shown:
            raise NerveCegError(
                f"{count()} processes, but an epoch of {len(order)} frames has "
                f"{len(order) // batch_size} whole batches of {batch_size}: fewer processes, or a "
                "smaller batch_size"
            )

    def __len__(self) -> int:
        return len(deal(range(self._shown), batch_size=self._batch_size))

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next iteration shows."""
        self._order.set_epoch(epoch)

    def __iter__(self) -> Iterator[Key]:
        return iter(deal(list(self._order)[: self._shown], batch_size=self._batch_size))


def rest_of_epoch(loader: Any, epoch: int, *, done: int) -> Any:
    """The epoch's batches after those done, whose frames aren't prepared again."""
    rest = skip_first_batches(loader, done) if done else loader
    # Through accelerate's loader: it sets the sampler's epoch to a count of its own otherwise.
    rest.set_epoch(epoch)
    return rest
