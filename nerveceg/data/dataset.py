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
from tqdm import tqdm

from nerveceg.data.filters import Filter
from nerveceg.data.frames import Frame
from nerveceg.data.geometry import Geometry
from nerveceg.data.images import read_image, read_mask

Grey = NDArray[np.uint8]


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
    """Decoded frames at the networks' size, kept as uint8; one byte a pixel and as much for masks.

    An item's key is (epoch, place): what augmentation does to a frame follows from the seed, the
    epoch and the frame alone, whatever the number of workers.

    filter: of the frames at the networks' size; augmentation changes what it left.
    target, weight: what else than its own truth each training frame teaches, both [F]
    (`nerveceg.data.conflicts.training_labels`); None is the truth, with weight 1.
    """

    def __init__(
        self,
        frames: Sequence[Frame],
        *,
        geometry: Geometry,
        filter: Filter | None = None,
        augment: Augmentation | None = None,
        seed: int = 0,
        target: NDArray[np.float32] | None = None,
        weight: NDArray[np.float32] | None = None,
        progress: bool = True,
    ) -> None:
        self.frames = list(frames)
        self._augment = augment
        self._seed = seed
        size = (len(self.frames), *geometry.size)
        self._images, self._masks = (torch.empty(size, dtype=torch.uint8) for _ in range(2))
        self.present = torch.empty(len(self.frames), dtype=torch.float32)
        bar = tqdm(self.frames, desc="reading frames", unit="frame", disable=not progress)
        for place, frame in enumerate(bar):
            image, mask = load_frame(frame)
            self._images[place] = network_levels([image], geometry=geometry, filter=filter)[0, 0]
            self._masks[place] = geometry.forward_mask(_as_batch(mask))[0, 0]
            self.present[place] = float(mask.any())
        self._target = self.present if target is None else torch.as_tensor(target)
        self._weight = torch.ones_like(self.present) if weight is None else torch.as_tensor(weight)

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of its frames."""
        height, width = self._images.shape[1:]
        return height, width

    @property
    def is_true(self) -> bool:
        """Whether every frame teaches its own truth in full: what may be scored on."""
        return torch.equal(self._target, self.present) and bool((self._weight == 1).all())

    def plain(self) -> "FrameDataset":
        """The same frames without augmentation; shares their memory."""
        plain = copy.copy(self)
        plain._augment = None
        return plain

    def __getitem__(self, key: tuple[int, int]) -> Batch:
        """One frame as a batch without its first axis; the image is uint8 until `collate`."""
        epoch, place = key
        image, mask = self._images[place].numpy(), self._masks[place].numpy()
        if self._augment is not None:
            _seed_augmentation(self._augment, _seed_of(self._seed, epoch, place))
            # Copies: some of albumentations' operations write into what they are given.
            changed = self._augment(image=image.copy(), mask=mask.copy())
            image, mask = changed["image"], changed["mask"]
        return Batch(
            image=torch.from_numpy(np.ascontiguousarray(image))[None],
            mask=torch.from_numpy(np.ascontiguousarray(mask))[None],
            present=self.present[place],
            place=torch.tensor(place),
            target=self._target[place],
            weight=self._weight[place],
        )


def load_frame(frame: Frame) -> tuple[Grey, NDArray[np.bool_]]:
    """A frame's image, uint8 [H, W], and its true mask, bool [H, W]."""
    image = read_image(frame.image)
    return image, read_mask(frame, image.shape)


def network_levels(
    images: Sequence[Grey],
    *,
    geometry: Geometry,
    filter: Filter | None = None,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Frames of any sizes, uint8 [H, W], as training and inference see them: uint8 [N, 1, h, w].

    The filter comes after the resize: its reach and its contrast then mean the same in frames of
    any size, and it costs the same. It runs on the device, and not on the padding.
    """
    sized = torch.cat([geometry.forward(_as_batch(image)) for image in images]).to(device)
    if filter is None:
        return sized
    extents = [geometry.extent(image.shape) for image in images]
    for rows, columns in set(extents):
        places = [k for k, extent in enumerate(extents) if extent == (rows, columns)]
        sized[places, :, :rows, :columns] = filter(sized[places, :, :rows, :columns])
    return sized


def collate(items: Sequence[Batch]) -> Batch:
    """Frames to one batch, grey levels to [0, 1]."""
    batch = Batch(*(torch.stack(column) for column in zip(*items, strict=True)))
    return batch._replace(image=as_input(batch.image), mask=batch.mask.bool())


def as_input(frames: Tensor) -> Tensor:
    """Grey levels, uint8, as the networks take them: float32 in [0, 1]."""
    return frames.float().div_(255)


def _as_batch(pixels: NDArray[Any]) -> Tensor:
    return torch.from_numpy(pixels)[None, None]


def _seed_augmentation(augment: Augmentation, seed: int) -> None:
    # Not set_random_seed: it gives each transform a generator of that same seed, and whether and
    # how they apply would then be one draw for all of them.
    augment.set_random_state(np.random.default_rng(seed), random.Random(seed))  # noqa: S311


def _seed_of(seed: int, epoch: int, place: int) -> int:
    return int(np.random.SeedSequence([seed, epoch, place]).generate_state(1)[0])
