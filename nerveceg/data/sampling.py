"""Which frames an epoch shows, in which order: a pure function of seed and epoch."""

from collections.abc import Iterator, Sequence

import numpy as np
from torch.utils.data import Sampler

Key = tuple[int, int]


class EpochSampler(Sampler[Key]):
    """Yields (epoch, place) keys, shuffled anew each epoch.

    places: the frames of the data set to draw from.
    extra: further places, of which `extra_count` are drawn each epoch (hard negatives, say).
    """

    def __init__(
        self,
        places: Sequence[int],
        *,
        seed: int,
        extra: Sequence[int] = (),
        extra_count: int = 0,
        shuffled: bool = True,
    ) -> None:
        self.epoch = 0
        self._places = np.asarray(places, dtype=np.int64)
        self._extra = np.asarray(extra, dtype=np.int64)
        self._extra_count = min(extra_count, len(self._extra))
        self._seed = seed
        self._shuffled = shuffled

    def __len__(self) -> int:
        return len(self._places) + self._extra_count

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next iteration shows."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[Key]:
        random = np.random.default_rng([self._seed, self.epoch])
        drawn = random.choice(self._extra, self._extra_count, replace=False)
        places = np.concatenate([self._places, drawn])
        if self._shuffled:
            random.shuffle(places)
        return iter([(self.epoch, int(place)) for place in places])
