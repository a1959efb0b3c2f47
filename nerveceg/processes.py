"""The processes that a launcher started for one run: which is this one, and what is its share."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

from nerveceg.errors import NerveCegError

T = TypeVar("T")

PATIENCE = timedelta(days=7)
"""How long a process waits for the others; that one has died, the launcher notices at once."""


def count() -> int:
    """How many processes share the run; 1 where no launcher says otherwise."""
    return int(os.environ["WORLD_SIZE"]) if {"RANK", "WORLD_SIZE"} <= os.environ.keys() else 1


def rank() -> int:
    """The number of this process, from 0."""
    return int(os.environ["RANK"]) if count() > 1 else 0


def local_rank() -> int:
    """The number of this process on its machine, from 0."""
    return int(os.environ.get("LOCAL_RANK", "0")) if count() > 1 else 0


def is_first() -> bool:
    """Whether this is the process that logs and writes what there is one of."""
    return rank() == 0


def deal(values: Sequence[T], *, batch_size: int) -> list[T]:
    """The share of this process: whole batches, one to each process in turn, none twice.

    They are the batches that one process would make. Roundings depend on what else is in a batch,
    so only these give its numbers exactly.
    """
    starts = range(rank() * batch_size, len(values), count() * batch_size)
    return [value for start in starts for value in values[start : start + batch_size]]


def gather(value: T) -> list[T]:
    """What each process has, in their order; all get it, and none goes on before all are here.

    Between these processes alone: torch.distributed pickles it, so their network must be private.

    Raises:
        NerveCegError: another process has ended.
    """
    if count() == 1:
        return [value]
    from accelerate.utils import gather_object

    with _together():
        found: list[T] = gather_object([value])
    return found


def gather_named(values: Mapping[str, T], *, order: Iterable[str]) -> dict[str, T]:
    """The entries of all processes under those of the names of `order` that have one."""
    found = {name: value for part in gather(values) for name, value in part.items()}
    return {name: found[name] for name in order if name in found}


def agree(make: Callable[[], T]) -> T:
    """What the first process makes, for all; the others wait and make nothing.

    Raises:
        NerveCegError: the first process has ended.
    """
    if count() == 1:
        return make()
    from accelerate.utils import broadcast_object_list

    made = make() if is_first() else None
    with _together():
        agreed: list[T] = broadcast_object_list([made])
    return agreed[0]


def in_turn(make: Callable[[], T]) -> T:
    """What each process makes: the first before the others, who find what it left on the disk.

    Raises:
        NerveCegError: the first process has ended.
    """
    made = [make()] if is_first() else []
    wait()
    return made[0] if made else make()


def most(value: int) -> int:
    """The largest of what the processes have.

    Raises:
        NerveCegError: another process has ended.
    """
    if count() == 1:
        return value
    import torch
    from accelerate.state import PartialState
    from accelerate.utils import gather as gather_tensors

    with _together():  # asked after every update: nothing is pickled
        own = torch.tensor([value], device=PartialState().device)
        return int(gather_tensors(own).max().item())


def wait() -> None:
    """Go on when all processes are here.

    Raises:
        NerveCegError: another process has ended.
    """
    gather(None)


def speaks() -> bool:
    """Whether this process, about to end with an error, is the first that does: it says why.

    The others end because of it, or of the same mistake.
    """
    if count() == 1:
        return True
    try:
        return int(_blackboard(timedelta(seconds=5)).add("ended", 1)) == 1
    except RuntimeError:
        return True


def leave() -> None:
    """Part from the others, who may go on; nothing is gathered any more."""
    if count() == 1:
        return
    from accelerate.state import PartialState

    PartialState().destroy_process_group()


def join(*, cpu: bool = False) -> None:
    """Meet the other processes, once; this one's GPU becomes torch's current GPU.

    cpu: leave GPUs alone, though there are some.
    """
    if count() == 1:
        return
    import torch
    from accelerate.state import PartialState

    own: dict[str, Any] = {}
    if os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True":
        own = {"store": _blackboard(PATIENCE), "rank": rank(), "world_size": count()}
    PartialState(cpu=cpu or not torch.cuda.is_available(), timeout=PATIENCE, **own)


def _blackboard(timeout: timedelta) -> Any:
    """Where processes meet that one launcher started together.

    torchrun keeps it when it starts them again: those that died would be looked for there.
    """
    from torch.distributed import PrefixStore, TCPStore  # type: ignore[attr-defined]

    place = os.environ.get("MASTER_ADDR", ""), int(os.environ.get("MASTER_PORT", "0"))
    attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    kept = TCPStore(*place, is_master=False, timeout=timeout)
    return PrefixStore(f"nerveceg/{attempt}", kept)


@contextmanager
def _together() -> Iterator[None]:
    """Within, nothing goes on without the others."""
    join()
    try:
        yield
    except RuntimeError as error:
        raise NerveCegError("another process of this run has ended") from error
