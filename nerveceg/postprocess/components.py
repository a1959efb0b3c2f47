"""The connected parts of a mask and the holes in them."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Mask = NDArray[np.bool_]
EIGHT = np.ones((3, 3), dtype=bool)


def largest_component(mask: Mask) -> Mask:
    """The largest 8-connected component of a mask, bool [H, W]; the first of equals."""
    labels, count = ndimage.label(mask, structure=EIGHT)
    if count < 2:
        return mask
    areas = np.bincount(labels.ravel())[1:]
    return np.asarray(labels == areas.argmax() + 1)


def fill_holes(mask: Mask) -> Mask:
    """The mask, bool [H, W], with every hole that doesn't touch the border filled."""
    # What lies around the frame joins all that touches its border; the rest of no mask is holes.
    labels, count = ndimage.label(np.pad(~mask, 1, constant_values=True))
    return mask if count < 2 else np.asarray(labels != 1)[1:-1, 1:-1]


def count_components(mask: Mask) -> int:
    """Number of 8-connected components of a mask, bool [H, W]."""
    box = bounding_box(mask)
    return 0 if box is None else int(ndimage.label(mask[box], structure=EIGHT)[1])


def bounding_box(mask: Mask) -> tuple[slice, slice] | None:
    """Rows and columns that hold the mask, bool [H, W]; None where it is empty."""
    rows = np.flatnonzero(mask.any(axis=1))
    if not rows.size:
        return None
    columns = np.flatnonzero(mask.any(axis=0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
