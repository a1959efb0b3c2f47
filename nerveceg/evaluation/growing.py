"""Rows that come part by part, kept in little memory."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

FIRST = 1024
"""Rows that there is room for at first."""


class Growing:
    """A column or table that grows; the block that holds it doubles where it is full.

    Many small tensors, each kept between the large ones of its batch, would keep the heap from
    being used again: evaluation took .3 to 1 MB a frame more with them.
    """

    def __init__(self) -> None:
        self._block: Tensor | None = None
        self._filled = 0

    def add(self, rows: Tensor) -> None:
        """Copy rows [n, ...] behind those that are there; the first part's kind holds for all.

        Raises:
            ValueError: rows of another shape than those that are there.
        """
        wanted = self._filled + len(rows)
        if self._block is None:
            self._block = rows.new_empty((max(FIRST, wanted), *rows.shape[1:]))
        if rows.shape[1:] != self._block.shape[1:]:
            raise ValueError(f"rows {rows.shape[1:]} behind rows {self._block.shape[1:]}")
        if wanted > len(self._block):
            larger = rows.new_empty((2 * wanted, *rows.shape[1:]), dtype=self._block.dtype)
            larger[: self._filled] = self.all()
            self._block = larger
        self._block[self._filled : wanted] = rows
        self._filled = wanted

    def all(self) -> Tensor:
        """The rows so far, a view.

        Raises:
            ValueError: there was no part yet.
        """
        if self._block is None:
            raise ValueError("nothing was added yet")
        return self._block[: self._filled]


class Names:
    """Ids and subjects of frames that come part by part."""

    def __init__(self) -> None:
        self._ids: list[str] = []
        self._subjects: list[str] = []

    def __len__(self) -> int:
        """Number of frames so far."""
        return len(self._ids)

    def add(self, ids: Sequence[str], subjects: Sequence[str]) -> None:
        """Put N of each behind those that are there.

        Raises:
            ValueError: not as many of one as of the other.
        """
        if len(ids) != len(subjects):
            raise ValueError(f"{len(ids)} ids and {len(subjects)} subjects: one of each is wanted")
        self._ids.extend(ids)
        self._subjects.extend(subjects)

    def columns(self) -> tuple[NDArray[np.str_], NDArray[np.str_]]:
        """Ids and subjects, str [F] each."""
        return np.array(self._ids), np.array(self._subjects)
