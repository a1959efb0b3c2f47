"""Pixels of all frames to sums of one size: a histogram of grey levels, mean frame, mean mask."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nerveceg.data.description.measures import Drawn, Grey, Mask

# Of every frame whatever its size: rows and columns of the mean frame and mask, and of the cells
# in which centroids are counted.
GRID = (84, 116)
CELLS = (21, 29)

Map = NDArray[np.float64]


class Sums:
    """Sums over frames, in memory that doesn't grow with them."""

    def __init__(self) -> None:
        self.levels = np.zeros(256, np.int64)
        """[256] pixels of each grey level"""
        self.centroids = np.zeros(CELLS, np.int64)
        """[21, 29] masks whose centroid lies in the cell"""
        self._frame = np.zeros(GRID)
        self._mask = np.zeros(GRID)
        self._frames = self._masks = 0

    def add(self, image: Grey, truth: Mask | None, drawn: Drawn | None) -> None:
        """Count one frame: image uint8 [H, W], its mask bool [H, W] and what that measures."""
        self.levels += np.bincount(image.ravel(), minlength=256)
        self._frame += _on_grid(image.astype(np.float32))
        self._frames += 1
        if truth is None or drawn is None:
            return
        self._mask += _on_grid(truth.astype(np.float32))
        self._masks += 1
        place = (int(part * size) for part, size in zip(drawn[1:3], CELLS, strict=True))
        self.centroids[tuple(place)] += 1

    @property
    def mean_frame(self) -> Map:
        """Grey level at each place, [84, 116], 0 to 255."""
        return self._frame / max(self._frames, 1)

    @property
    def mean_mask(self) -> Map:
        """Share of the masks with nerve that cover each place, [84, 116]."""
        return self._mask / max(self._masks, 1)


def _on_grid(values: NDArray[np.float32]) -> NDArray[np.float32]:
    size = GRID[1], GRID[0]
    return np.asarray(Image.fromarray(values).resize(size, Image.Resampling.BOX))
