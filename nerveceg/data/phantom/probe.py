"""The shape of a probe's picture: straight, opened to the sides or curved, and blown up."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from nerveceg.data.phantom.grid import HEIGHT, WIDTH, Array

Form = Literal["straight", "opened", "curved"]


@dataclass(frozen=True, kw_only=True)
class Probe:
    """Where each pixel of the picture comes from in the frame of a straight probe.

    opening: by how much the deepest row is wider than the first, as a share; 0 where straight.
    magnified: factor about the point `row`, `column`, which stays in its place.
    """

    form: Form = "straight"
    opening: float = 0.0
    magnified: float = 1.0
    row: float = HEIGHT / 2
    column: float = WIDTH / 2

    def show(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The picture, uint8 [HEIGHT, WIDTH], as this probe forms it; black beside its fan."""
        if self._is_plain:
            return picture
        seen = map_coordinates(picture.astype(np.float32), self._places, order=1, prefilter=False)
        return np.asarray(np.rint(seen).astype(np.uint8))

    def show_mask(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """The mask, bool [HEIGHT, WIDTH], in that picture."""
        if self._is_plain:
            return mask
        seen = map_coordinates(mask.astype(np.float32), self._places, order=1, prefilter=False)
        return np.asarray(seen >= 0.5)

    @property
    def _is_plain(self) -> bool:
        return self.form == "straight" and self.magnified == 1

    @cached_property
    def _places(self) -> Array:
        """Row and column in the straight frame, float32 [2, HEIGHT, WIDTH]."""
        rows, columns = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
        rows = self.row + (rows - self.row) / np.float32(self.magnified)
        columns = self.column + (columns - self.column) / np.float32(self.magnified)
        if self.form == "opened":
            columns = _opened(rows, columns, self.opening)
        elif self.form == "curved":
            rows, columns = _curved(rows, columns, self.opening)
        places: Array = np.stack([rows, columns]).astype(np.float32)
        return places


def draw_probe(
    rng: np.random.Generator, *, curved: float, magnified: float, centre: tuple[float, float]
) -> Probe:
    """A probe that keeps `centre`, where the nerve lies, in its picture.

    curved: share of probes that are no straight array with a straight picture.
    """
    form: Form = rng.choice(get_args(Form)[1:]) if rng.random() < curved else "straight"
    row, column = (extent * rng.uniform(0.2, 0.8) for extent in (HEIGHT, WIDTH))
    # The point that stays lies near the nerve, which so doesn't leave the picture.
    row, column = 0.25 * row + 0.75 * centre[0], 0.25 * column + 0.75 * centre[1]
    return Probe(
        form=form,
        opening=0.0 if form == "straight" else float(rng.uniform(0.2, 0.9)),
        magnified=magnified,
        row=float(row),
        column=float(column),
    )


def _opened(rows: Array, columns: Array, opening: float) -> Array:
    """Columns of the straight frame: scan lines spread with depth, the deepest fill the width."""
    narrowed = (1 + opening) / (1 + opening * rows / HEIGHT)
    return np.asarray(WIDTH / 2 + (columns - WIDTH / 2) * narrowed)


def _curved(rows: Array, columns: Array, opening: float) -> tuple[Array, Array]:
    """Rows and columns of the straight frame: depth along rays from the centre of the array."""
    radius = HEIGHT / opening
    half_angle = WIDTH / 2 / (radius + HEIGHT)
    sag = radius * (1 - np.cos(half_angle))
    below = rows + np.float32(radius - sag)
    aside = columns - WIDTH / 2
    angle = np.arctan2(aside, below)
    depth = np.hypot(aside, below) - np.float32(radius)
    across = np.float32(WIDTH / 2) * (1 + angle / np.float32(half_angle))
    return depth, across
