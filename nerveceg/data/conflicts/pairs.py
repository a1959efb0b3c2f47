"""A pair of near-duplicate frames and whether their labels contradict each other."""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nerveceg.data.conflicts.alignment import kept
from nerveceg.data.conflicts.thumbnails import GRID
from nerveceg.data.frames import Frame
from nerveceg.data.images import read_image, read_mask
from nerveceg.data.presence import is_present

Kind = Literal["presence", "mask", "agrees"]
Mask = NDArray[np.bool_]

LEAST_DICE = 0.2
_SAME = 0.9999


class Pair(NamedTuple):
    """Two frames of one subject that show the same view."""

    subject: str
    first: str
    """frame id"""
    second: str
    """frame id"""
    ncc: float
    """normalised cross-correlation after alignment"""
    shift_rows: float
    """native pixels of the first frame by which the second moves to lie on it"""
    shift_columns: float
    dice: float | None
    """of the two masks after alignment; None unless both show the nerve"""
    kind: Kind
    """what contradicts: presence, mask (Dice below .2) or nothing"""
    exact: bool
    """whether all pixels are the same"""

    @property
    def contradicts(self) -> bool:
        """Whether the labels can't both be right."""
        return self.kind != "agrees"


def judge_pair(one: Frame, other: Frame, *, ncc: float, shift: tuple[int, int]) -> Pair:
    """The verdict on a pair of near-duplicates; shift: rows and columns of thumbnails.

    Raises:
        DataError: a truth is unknown, or a file can't be read.
    """
    image = read_image(one.image)
    rows, columns = (
        moved * size / grid for moved, size, grid in zip(shift, image.shape, GRID, strict=True)
    )
    kind: Kind = "presence" if is_present(one) != is_present(other) else "agrees"
    dice = None
    if is_present(one) and is_present(other):
        masks = read_mask(one, image.shape), read_mask(other, read_image(other.image).shape)
        dice = aligned_dice(*masks, rows=round(rows), columns=round(columns))
        kind = "mask" if dice < LEAST_DICE else kind
    return Pair(
        subject=one.subject,
        first=one.id,
        second=other.id,
        ncc=ncc,
        shift_rows=rows,
        shift_columns=columns,
        dice=dice,
        kind=kind,
        exact=ncc > _SAME and np.array_equal(image, read_image(other.image)),
    )


def aligned_dice(one: Mask, other: Mask, *, rows: int, columns: int) -> float:
    """Dice of two masks, bool [H, W], the second moved by so many pixels of the first.

    A second mask of another size is brought to the first one's before.
    """
    if other.shape != one.shape:
        size = one.shape[1], one.shape[0]
        other = np.asarray(Image.fromarray(other).resize(size, Image.Resampling.NEAREST))
    seen = other[kept(-rows), kept(-columns)]
    hits = int(np.count_nonzero(one[kept(rows), kept(columns)] & seen))
    return 2 * hits / int(np.count_nonzero(one) + np.count_nonzero(other))
