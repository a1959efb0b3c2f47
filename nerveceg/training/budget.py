"""How many epochs a run has: as many as wanted, as fit into its wall time, or as make it better."""

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from nerveceg.errors import NerveCegError
from nerveceg.processes import agree
from nerveceg.training.estimate import in_words

logger = logging.getLogger(__name__)

PLANNED = 0.9
"""Share of the time that is planned: files are written too, and a rate cut off midway is worse."""


class Budget:
    """The epochs of a run and its wall time, which begins now.

    epochs: as many as the schedule goes over; fewer than wanted once `plan` knows their time.
    seconds: None is as many as the epochs take.
    patience: epochs without improvement after which the run stops; None is never.
    """

    def __init__(
        self, epochs: int, *, seconds: float | None = None, patience: int | None = None
    ) -> None:
        if seconds is not None and not seconds > 0:
            raise NerveCegError(f"seconds={seconds}: a number above 0 is wanted, or null")
        self.epochs = epochs
        self._seconds = seconds
        self._patience = patience
        self._begun = time.monotonic()

    def plan(
        self, measure: Callable[[], float], *, stopped: Mapping[str, Any] | None = None
    ) -> None:
        """Leave as many epochs as fit in, one at least; `measure` gives the seconds of one.

        stopped: the `state` of the run that goes on; its own plan stays.
        """
        if self._seconds is None:
            return
        if stopped is not None:
            self.epochs = stopped["epochs"]
            self._begun -= stopped["spent"]
            return
        wanted, each = self.epochs, measure()
        left = self._seconds - (time.monotonic() - self._begun)
        self.epochs = agree(lambda: max(1, min(wanted, int(PLANNED * left / each))))
        logger.info("%d of %d epochs in %s", self.epochs, wanted, in_words(self._seconds))

    def is_up(self) -> bool:
        """Whether the wall time is over: an epoch that it overtakes ends there."""
        if self._seconds is None:
            return False
        end = self._begun + self._seconds
        return agree(lambda: time.monotonic() >= end)  # of several processes the first looks

    def goes_on(self, done: int, best: int) -> bool:
        """Whether another epoch follows those done; the first always does. best: the best one."""
        over = self._why_over(done, best) if 0 < done < self.epochs else ""
        if over:
            logger.info("%s: stopped after epoch %d of %d", over, done, self.epochs)
        return done < self.epochs and not over

    def state(self) -> dict[str, Any]:
        """All that `plan` needs of a run that goes on later."""
        return {"epochs": self.epochs, "spent": time.monotonic() - self._begun}

    def _why_over(self, done: int, best: int) -> str:
        if self.is_up():
            return "the time is up"
        if self._patience is not None and done - best >= self._patience:
            return f"no better for {self._patience} epochs"
        return ""
