"""Training frames several times an epoch, for few frames and many updates."""

import torch

from nerveceg.data.dataset import Batch, FrameDataset
from nerveceg.errors import NerveCegError


class RepeatedFrames(FrameDataset):
    """Each frame of a data set `times` times an epoch, with augmentation of its own each time."""

    def __init__(self, once: FrameDataset, times: int) -> None:
        self._once, self._times = once, times
        self.shuffled = once.shuffled
        self.frames = once.frames * times
        self.present = once.present.repeat(times)
        self._target = once._target.repeat(times)
        self._weight = once._weight.repeat(times)
        self._on_device = once._on_device
        self._seed = once._seed
        self._size = once.size

    def plain(self) -> FrameDataset:
        """The same frames without augmentation, as often."""
        return RepeatedFrames(self._once.plain(), self._times)

    def __getitem__(self, key: tuple[int, int]) -> Batch:
        """One frame as a batch without its first axis; the image is uint8 until `collate`."""
        epoch, place = key
        turn, there = divmod(place, len(self._once))
        found = self._once[epoch * self._times + turn, there]
        return found._replace(place=torch.tensor(place))


def repeated(dataset: FrameDataset, times: int) -> FrameDataset:
    """The data set with each frame `times` times an epoch; once is the data set itself.

    Raises:
        NerveCegError: `times` is no whole number of 1 or more.
    """
    if not isinstance(times, int) or times < 1:
        raise NerveCegError(f"repeats={times}: a whole number of 1 or more is wanted")
    return dataset if times == 1 else RepeatedFrames(dataset, times)
