"""Frames on disk to batches at the networks' size."""

import copy
import random
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from nerveceg.data.cache import Cache
from nerveceg.data.decoding import Grey
from nerveceg.data.filters import Filter
from nerveceg.data.frames import Frame
from nerveceg.data.geometry import Geometry
from nerveceg.data.on_device import DeviceAugmentation


class Batch(NamedTuple):
    """What a stage learns from; N frames of h x w pixels."""

    image: Tensor
    """float32 [N, 1, h, w] in [0, 1]"""
    mask: Tensor
    """bool [N, 1, h, w]"""
    present: Tensor
    """float32 [N]: 1 where the frame's own truth shows the nerve, also where augmentation cut it"""
    place: Tensor
    """int64 [N], the frame's place in the data set"""
    target: Tensor
    """float32 [N] in [0, 1]: the presence that the gate learns; `present` unless softened"""
    weight: Tensor
    """float32 [N]: factor of the frame's loss"""


class Augmentation(Protocol):
    """An albumentations pipeline."""

    def set_random_state(
        self, random_generator: np.random.Generator, py_random: random.Random
    ) -> None:
        """Make the next call repeatable."""

    def __call__(self, *, image: Grey, mask: Grey) -> Mapping[str, Any]:
        """Change image and mask, both uint8 [h, w], together."""


class FrameDataset(Dataset[Batch]):
    """Decoded frames at the networks' size, kept as uint8; a byte a pixel, and a bit for its mask.

    An item's key is (epoch, place): what augmentation does to a frame follows from the seed, the
    epoch and the frame alone, whatever the number of workers.

    filter: of the frames at the networks' size; augmentation changes what it left.
    cache: where they are kept; None is memory.
    augment: of each frame as it is read, or of whole batches by
        `augmented_on_device`.
    target, weight: what else than its own truth each training frame teaches, both [F]
    (`nerveceg.data.conflicts.training_labels`); None is the truth, with weight 1.
    """

    shuffled = True
    """Whether an epoch should show its frames in random order."""

    def __init__(
        self,
        frames: Sequence[Frame],
        *,
        geometry: Geometry,
        filter: Filter | None = None,
        cache: Cache | None = None,
        augment: Augmentation | DeviceAugmentation | None = None,
        seed: int = 0,
        target: NDArray[np.float32] | None = None,
        weight: NDArray[np.float32] | None = None,
        progress: bool = True,
    ) -> None:
        self.frames = list(frames)
        self._set_augmentation(augment, seed=seed)
        self._decoded = (cache or Cache()).open(
            self.frames, geometry=geometry, filter=filter, progress=progress
        )
        self._size = geometry.size
        self.present = torch.from_numpy(self._decoded.present.astype(np.float32))
        self._target = self.present if target is None else torch.as_tensor(target)
        self._weight = torch.ones_like(self.present) if weight is None else torch.as_tensor(weight)

    def _set_augmentation(
        self, augment: Augmentation | DeviceAugmentation | None, *, seed: int
    ) -> None:
        self._augment = None if isinstance(augment, DeviceAugmentation) else augment
        self._on_device = augment if isinstance(augment, DeviceAugmentation) else None
        self._seed = seed

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of its frames."""
        return self._size

    @property
    def is_true(self) -> bool:
        """Whether every frame teaches its own truth in full: what may be scored on."""
        return torch.equal(self._target, self.present) and bool((self._weight == 1).all())

    def plain(self) -> "FrameDataset":
        """The same frames without augmentation; shares their memory."""
        plain = copy.copy(self)
        plain._augment = plain._on_device = None
        return plain

    def augmented_on_device(self, batch: Batch, epoch: int) -> Batch:
        """A batch of an epoch after what is done on its own device; mostly the batch as it is."""
        if self._on_device is None:
            return batch
        seeds = [_seed_of(self._seed, epoch, place) for place in batch.place.tolist()]
        image, mask = self._on_device(batch.image, batch.mask, seeds=seeds)
        return batch._replace(image=image, mask=mask)

    def __getitem__(self, key: tuple[int, int]) -> Batch:
        """One frame as a batch without its first axis; the image is uint8 until `collate`."""
        _, place = key
        image, mask = augmented(self._augment, *self._pixels(place), seed=self._seed, key=key)
        return Batch(
            image=torch.from_numpy(np.ascontiguousarray(image))[None],
            mask=torch.from_numpy(np.ascontiguousarray(mask))[None],
            present=self.present[place],
            place=torch.tensor(place),
            target=self._target[place],
            weight=self._weight[place],
        )

    def _pixels(self, place: int) -> tuple[Grey, Grey]:
        """Copies: some of albumentations' operations write into what they are given."""
        row, (height, width) = self._decoded[place], self._size
        mask = np.unpackbits(row["mask"], count=height * width).reshape(height, width)
        return row["image"].copy(), mask


def augmented(
    augment: Augmentation | None, image: Grey, mask: Grey, *, seed: int, key: tuple[int, int]
) -> tuple[Grey, Grey]:
    """Image and mask, uint8 [h, w], of an epoch and a place after augmentation, None for none."""
    if augment is None:
        return image, mask
    _seed_augmentation(augment, _seed_of(seed, *key))
    changed = augment(image=image, mask=mask)
    return changed["image"], changed["mask"]


def collate(items: Sequence[Batch]) -> Batch:
    """Frames to one batch, grey levels to [0, 1]."""
    batch = Batch(*(torch.stack(column) for column in zip(*items, strict=True)))
    return batch._replace(image=as_input(batch.image), mask=batch.mask.bool())


def as_input(frames: Tensor) -> Tensor:
    """Grey levels, uint8, as the networks take them: float32 in [0, 1]."""
    return frames.float().div_(255)


def _seed_augmentation(augment: Augmentation, seed: int) -> None:
    # Not set_random_seed: it gives each transform a generator of that same seed, and whether and
    # how they apply would then be one draw for all of them.
    augment.set_random_state(np.random.default_rng(seed), random.Random(seed))  # noqa: S311 - no secret


def _seed_of(seed: int, epoch: int, place: int) -> int:
    return int(np.random.SeedSequence([seed, epoch, place]).generate_state(1)[0])
