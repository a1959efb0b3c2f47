"""Made-up people without end, rendered beside the training that they are for."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from nerveceg.data.dataset import Augmentation, Batch, FrameDataset, augmented
from nerveceg.data.decoding import Grey, network_levels
from nerveceg.data.filters import Filter
from nerveceg.data.frames import Frame
from nerveceg.data.geometry import Geometry
from nerveceg.data.on_device import DeviceAugmentation
from nerveceg.data.phantom.encounter import VIEWS, Encounter
from nerveceg.data.phantom.variety import Variety
from nerveceg.errors import NerveCegError


class PhantomStream(FrameDataset):
    """Training frames that no folder holds: each epoch shows other people, each of them twice.

    Even places show the nerve, odd ones the same person without it. A frame follows from the
    seed, the epoch and its place alone, whatever the number of workers. The gate's target is how
    well the nerve is seen, the segmenter's mask is as an annotator would draw it.

    people: of an epoch. variety: how they and their scanners differ.

    Raises:
        NerveCegError: fewer people than one.
    """

    shuffled = False

    def __init__(
        self,
        people: int,
        *,
        geometry: Geometry,
        variety: Variety,
        filter: Filter | None = None,
        augment: Augmentation | DeviceAugmentation | None = None,
        seed: int = 0,
    ) -> None:
        if people < 1:
            raise NerveCegError(f"data.stream.people={people}: 1 or more is wanted")
        self.frames = [_made_up(place) for place in range(VIEWS * people)]
        self.present = torch.tensor([1.0, 0.0]).repeat(people)
        # Never the truth itself, so that no run is scored on it; each frame brings its own target.
        self._target = torch.full_like(self.present, 0.5)
        self._weight = torch.ones_like(self.present)
        self._set_augmentation(augment, seed=seed)
        self._size = geometry.size
        self._people = people
        self._geometry = geometry
        self._variety = variety
        self._filter = filter

    def __getitem__(self, key: tuple[int, int]) -> Batch:
        """One frame as a batch without its first axis; the image is uint8 until `collate`."""
        epoch, place = key
        person = _meet(epoch * self._people + place // VIEWS, self._seed, self._variety)
        view = person.view(place % VIEWS)
        levels = network_levels([view.image], geometry=self._geometry, filter=self._filter)
        mask = self._geometry.forward_mask(torch.from_numpy(view.mask)[None, None])
        pixels = levels[0, 0].numpy(), mask[0, 0].numpy().astype(np.uint8)
        image, drawn = augmented(self._augment, *pixels, seed=self._seed, key=key)
        return Batch(
            image=_as_tensor(image),
            mask=_as_tensor(drawn),
            present=self.present[place],
            place=torch.tensor(place),
            target=torch.tensor(view.visibility, dtype=torch.float32),
            weight=self._weight[place],
        )


def _made_up(place: int) -> Frame:
    """What stands for a frame of the stream in messages."""
    person = place // VIEWS
    return Frame(f"stream/{person}_{place % VIEWS}", str(person), Path(f"stream#{place}"), None)


def _as_tensor(pixels: Grey) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(pixels))[None]


@lru_cache(maxsize=2)
def _meet(number: int, seed: int, variety: Variety) -> Encounter:
    """The person, for both of their frames: half of the work is theirs in common."""
    return Encounter(number, seed=seed, variety=variety)
