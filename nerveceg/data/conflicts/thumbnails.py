"""Frames to small blurred copies in which near-duplicates are looked for."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nerveceg.data.images import read_image

# Of a frame of 420 x 580 every third row and every fourth column: speckle is finer along depth.
GRID = (140, 145)
# The bright skin line with the machine's marks, and the dark first column: every frame has them.
_TOP, _SIDE = 7, 1


def read_copies(images: Iterable[Path]) -> NDArray[np.float32]:
    """Standardised copies of image files of any size, float32 [N, 133, 144].

    Each has mean 0 and sum of squares 1 (a flat one is 0 all over), so that the inner product of
    two is their normalised cross-correlation.

    Raises:
        DataError: a file can't be read.
    """
    return np.stack([standardised_copy(read_image(path)) for path in images])


def standardised_copy(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """A frame, uint8 [H, W], shrunk to `GRID`, cut and standardised to float32 [133, 144]."""
    height, width = GRID
    # The triangle filter of this reduction is the blur: a standard deviation of about 1.5 pixels.
    small = Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR)
    grey = np.asarray(small, dtype=np.float32)[_TOP:, _SIDE:]
    grey = grey - grey.mean()
    return np.asarray(grey / max(np.linalg.norm(grey), 1e-3), dtype=np.float32)
