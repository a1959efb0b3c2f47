"""What is done to a mask after thresholding: components and holes."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from nerveceg.errors import NerveCegError

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
    return np.asarray(ndimage.binary_fill_holes(mask), dtype=bool)


BY_NAME: dict[str, Callable[[Mask], Mask]] = {
    "largest_component": largest_component,
    "fill_holes": fill_holes,
}


def postprocess(masks: Tensor, names: Sequence[str]) -> Tensor:
    """Masks, bool [N, 1, H, W], after the named steps in their order; same device."""
    if not names or not len(masks):
        return masks
    done = np.stack([clean_mask(mask, names) for mask in masks[:, 0].cpu().numpy()])
    return torch.from_numpy(done)[:, None].to(masks.device)


def clean_mask(mask: Mask, names: Sequence[str]) -> Mask:
    """One mask, bool [H, W], after the named steps; works inside its bounding box."""
    box = bounding_box(mask)
    if box is None:
        return mask
    inside = mask[box]
    for name in names:
        inside = BY_NAME[name](inside)
    cleaned = np.zeros_like(mask)
    cleaned[box] = inside
    return cleaned


def check_steps(names: Sequence[str]) -> None:
    """Raise NerveCegError where a step is unknown."""
    for name in names:
        if name not in BY_NAME:
            raise NerveCegError(
                f"rule.postprocess names {name!r}: any of {', '.join(BY_NAME)} is wanted"
            )


def bounding_box(mask: Mask) -> tuple[slice, slice] | None:
    """Rows and columns that hold the mask, bool [H, W]; None where it is empty."""
    rows = np.flatnonzero(mask.any(axis=1))
    if not rows.size:
        return None
    columns = np.flatnonzero(mask.any(axis=0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
