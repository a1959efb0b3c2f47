"""Work beside the networks, on a thread of its own: what comes next, and what was found."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

MOST_WAITING = 64
"""Errands that may wait; each holds what it is about in memory."""


def ahead(items: Iterable[T]) -> Iterator[T]:
    """The items, each made by another thread while the one before it is used."""
    end = object()
    source = iter(items)
    with ThreadPoolExecutor(1) as thread:
        following = thread.submit(next, source, end)
        while (item := following.result()) is not end:
            following = thread.submit(next, source, end)
            yield item  # type: ignore[misc]  # whatever isn't the end is an item


class Errands:
    """Calls that another thread makes, in the order in which they were given."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1)
        self._waiting: deque[Future[None]] = deque()

    def give(self, call: Callable[[], None]) -> None:
        """Have it made; waits while there are too many others.

        Raises:
            Exception: what an earlier call raised.
        """
        while self._waiting and (self._waiting[0].done() or len(self._waiting) >= MOST_WAITING):
            self._waiting.popleft().result()
        self._waiting.append(self._thread.submit(call))

    def finish(self) -> None:
        """Wait until all are made.

        Raises:
            Exception: what the first call that failed raised.
        """
        while self._waiting:
            self._waiting.popleft().result()

    def drop(self) -> None:
        """Leave out what wasn't begun, and end the thread."""
        self._thread.shutdown(cancel_futures=True)
