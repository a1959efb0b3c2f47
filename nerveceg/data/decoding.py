"""Frames on disk to rows at the networks' size, decoded by several processes where many wait."""

import os
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from nerveceg.data.filters import Filter
from nerveceg.data.frames import Frame
from nerveceg.data.geometry import Geometry
from nerveceg.data.images import read_image, read_mask
from nerveceg.data.packs import Row, checksum, row_type
from nerveceg.errors import DataError

Grey = NDArray[np.uint8]

ENOUGH = 256
"""Frames from which on further processes are worth their start."""
MOST_PROCESSES = 8
TOGETHER = 8


class Decoder:
    """One frame to its row.

    geometry, filter: what is done to it, as in `network_levels`.
    """

    def __init__(self, geometry: Geometry, filter: Filter | None) -> None:
        self._geometry = geometry
        self._filter = filter
        self.kind = row_type(geometry.size)

    def __call__(self, frame: Frame, key: bytes = b"") -> Row:
        """The frame's row, of type `row_type`.

        Raises:
            DataError: image or mask can't be read.
        """
        image, mask = load_frame(frame)
        sized = self._geometry.forward_mask(_as_batch(mask))[0, 0].numpy()
        row: Row = np.zeros(1, dtype=self.kind)[0]
        row["key"] = np.void(key.ljust(self.kind["key"].itemsize, b"\0"))
        row["present"] = mask.any()
        row["image"] = network_levels([image], geometry=self._geometry, filter=self._filter)[0, 0]
        row["mask"] = np.packbits(sized)
        row["check"] = checksum(row)
        return row


def decode(
    frames: Sequence[Frame], keys: Sequence[bytes], *, decoder: Decoder, progress: bool
) -> Iterator[Row]:
    """The rows of frames, in order.

    Raises:
        DataError: of the first frame that can't be read.
    """
    processes = min(MOST_PROCESSES, os.cpu_count() or 1) if len(frames) >= ENOUGH else 0
    loader = DataLoader(
        _Undecoded(frames, keys, decoder),
        batch_size=TOGETHER,
        num_workers=processes,
        collate_fn=_together,
    )
    with tqdm(total=len(frames), desc="reading frames", unit="frame", disable=not progress) as bar:
        for batch in loader:
            if isinstance(batch, str):
                raise DataError(batch)
            yield from batch.numpy().view(decoder.kind)[:, 0]
            bar.update(len(batch))


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


class _Undecoded(Dataset[Tensor | str]):
    """Rows as bytes; the error's line in the place of a frame that can't be read."""

    def __init__(self, frames: Sequence[Frame], keys: Sequence[bytes], decoder: Decoder) -> None:
        self._frames, self._keys, self._decoder = frames, keys, decoder

    def __len__(self) -> int:
        return len(self._frames)

    def __getitem__(self, place: int) -> Tensor | str:
        try:
            row = self._decoder(self._frames[place], self._keys[place])
        except DataError as error:
            return str(error)
        return torch.frombuffer(bytearray(row.tobytes()), dtype=torch.uint8)


def _together(items: Sequence[Tensor | str]) -> Tensor | str:
    rows = [item for item in items if isinstance(item, Tensor)]
    failed = next((item for item in items if isinstance(item, str)), None)
    return torch.stack(rows) if failed is None else failed


def _as_batch(pixels: NDArray[np.uint8] | NDArray[np.bool_]) -> Tensor:
    return torch.from_numpy(pixels)[None, None]
