"""How far a run has come: counted after each update, saved with its weights."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from math import inf
from typing import Any, NamedTuple

from nerveceg.errors import NerveCegError

MOST_SKIPPED = 5
"""Updates in a row that may be left out because their numbers aren't finite."""


class DivergedError(NerveCegError):
    """A training whose numbers left the finite ones."""

    status = 4

    def __init__(self, finding: str, epoch: int) -> None:
        super().__init__(
            f"{finding} in epoch {epoch}: a smaller optimizer.lr or runtime.precision=float32 is "
            "the usual cure"
        )


class Fitted(NamedTuple):
    """How a run ended: the best epoch's score by the chosen metric, and which epoch it was."""

    score: float
    epoch: int


@dataclass(kw_only=True)
class Progress:
    """What is done, to the last whole update.

    epoch: the last one that was scored. batch: batches of the next one. updates: of the run.
    loss, losses: sum over those batches and how many were finite. skipped: updates of that epoch
    that were left out, in_a_row: the last ones without a break.
    """

    epoch: int = 0
    batch: int = 0
    updates: int = 0
    loss: float = 0.0
    losses: int = 0
    skipped: int = 0
    in_a_row: int = 0
    best: Fitted = Fitted(-inf, 0)

    def learned(self, losses: Sequence[float]) -> None:
        """Count an update with the losses of its batches."""
        self.updates += 1
        self.loss += sum(losses)
        self.losses += len(losses)
        self.in_a_row = 0

    def skip(self, losses: Sequence[float]) -> None:
        """Count an update that was left out.

        Raises:
            DivergedError: too many were, one after the other.
        """
        self.skipped += 1
        self.in_a_row += 1
        if self.in_a_row > MOST_SKIPPED:
            raise self._diverged(f"{self.in_a_row} updates in a row", losses)

    def mean_loss(self) -> float:
        """Of the epoch's batches.

        Raises:
            DivergedError: there was no update.
        """
        if not self.losses:
            raise DivergedError(f"none of {self.skipped} updates had finite numbers", self._next)
        return self.loss / self.losses

    def finish_epoch(self) -> None:
        """Count an epoch that was scored."""
        self.epoch += 1
        self.batch = self.losses = self.skipped = 0
        self.loss = 0.0

    def state(self) -> dict[str, Any]:
        """Plain values, for `restore`."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go back to what `state` gave."""
        for field in fields(self):
            setattr(self, field.name, state[field.name])
        self.best = Fitted(*self.best)

    @property
    def _next(self) -> int:
        return self.epoch + 1

    def _diverged(self, how_often: str, losses: Sequence[float]) -> DivergedError:
        wrong = next((loss for loss in losses if not abs(loss) < inf), None)
        found = "a gradient isn't finite" if wrong is None else f"the loss is {wrong}"
        return DivergedError(f"{how_often} weren't taken, {found}", self._next)
