"""The presence threshold that bounds the share of a new subject's nerve frames that is missed."""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nerveceg.errors import NerveCegError

DIGITS, ROUNDING = 10, 1e-9


@dataclass(frozen=True, kw_only=True)
class MissCurve:
    """How many nerve frames of each subject a threshold of presence misses, added up.

    A frame is kept iff its presence is at least the threshold, and a subject's loss is the share
    of its nerve frames that aren't kept. The threshold is the highest one whose losses L over n
    subjects satisfy (sum L + 1) / (n + 1) <= rate; then a new subject's expected loss is at most
    `rate`, if it is exchangeable with these (Angelopoulos et al., Conformal Risk Control, ICLR
    2024). Subjects are the unit: frames of one person aren't exchangeable with a new person's.

    The guarantee is exact for subjects that no network learned from. Out-of-fold presence comes
    from several networks, none of them quite the one that serves, and a calibration fitted on the
    same subjects: then it is approximate (CV-CRC).

    subjects: how many subjects have nerve frames.
    presence: the presences of nerve frames, float32 values, rising, without ties.
    missed: the losses added up over subjects just above each of these presences; the last is n.
    """

    subjects: int
    presence: tuple[float, ...]
    missed: tuple[float, ...]

    @classmethod
    def of(cls, presence: NDArray[np.floating], subject: NDArray[Any]) -> "MissCurve":
        """The curve of nerve frames: presence, float32 [F], and the name of each one's subject.

        Raises:
            NerveCegError: there is no frame, or a presence is outside [0, 1].
        """
        if not len(presence):
            raise NerveCegError("no frame shows the nerve: a miss rate needs some that do")
        if not ((presence >= 0) & (presence <= 1)).all():
            raise NerveCegError("a presence is NaN or outside [0, 1]: calibrated ones are wanted")
        _, owner, frames = np.unique(subject, return_inverse=True, return_counts=True)
        levels, level = np.unique(presence.astype(np.float32), return_inverse=True)
        missed = np.bincount(level, weights=1 / frames[owner]).cumsum().round(DIGITS)
        return cls(
            subjects=len(frames), presence=tuple(levels.tolist()), missed=tuple(missed.tolist())
        )

    @property
    def least_rate(self) -> float:
        """The lowest rate that this many subjects can guarantee, 1 / (n + 1)."""
        return 1 / (self.subjects + 1)

    def feasible(self, rate: float) -> bool:
        """Whether this many subjects can guarantee `rate`, in (0, 1)."""
        return self._allowed(rate) >= 0

    def threshold(self, rate: float) -> float:
        """The highest presence threshold that guarantees `rate`; 0, keep all, where none does.

        It is the presence of a nerve frame, exactly in float32, and that frame is kept.

        Raises:
            NerveCegError: `rate` is outside (0, 1).
        """
        allowed = self._allowed(rate)
        if allowed < 0:
            return 0.0
        kept = bisect_right(self.missed, allowed)
        return self.presence[min(kept, len(self.presence) - 1)]

    def mean_miss(self, threshold: float) -> float:
        """The share of nerve frames below `threshold`, in [0, 1], as a mean over subjects."""
        below = bisect_left(self.presence, float(np.float32(threshold)))
        return self.missed[below - 1] / self.subjects if below else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Plain values for a JSON file."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "MissCurve":
        """The curve that `to_dict` described."""
        return cls(
            subjects=values["subjects"],
            presence=tuple(values["presence"]),
            missed=tuple(values["missed"]),
        )

    def _allowed(self, rate: float) -> float:
        """The largest sum of losses that still guarantees `rate`; below 0 where none does."""
        if not 0 < rate < 1:
            raise NerveCegError(f"rule.miss_rate={rate}: a share in (0, 1) is wanted")
        return rate * (self.subjects + 1) - 1 + ROUNDING
