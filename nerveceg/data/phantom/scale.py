"""A person's anatomy at another depth setting: all lengths of it larger or smaller."""

from dataclasses import replace
from math import log
from typing import TypeVar

from nerveceg.data.phantom.anatomy import Anatomy, Bone, Spot, Vessel
from nerveceg.data.phantom.grid import WIDTH
from nerveceg.data.phantom.sweep import Location

Part = TypeVar("Part", Spot, Vessel, Bone)


def scale_location(location: Location, factor: float) -> Location:
    """The location with the skin's middle kept in its place; half-axes grow by the factor."""
    return replace(
        location,
        row=factor * location.row,
        column=_column(location.column, factor),
        log_major=location.log_major + log(factor),
        log_minor=location.log_minor + log(factor),
    )


def scale_anatomy(anatomy: Anatomy, factor: float) -> Anatomy:
    """The anatomy likewise; sheets stay as thin as the beam shows them."""
    return replace(
        anatomy,
        fat_depth=factor * anatomy.fat_depth,
        muscle_depth=factor * anatomy.muscle_depth,
        deep_depth=factor * anatomy.deep_depth,
        fasciae=tuple(replace(one, depth=factor * one.depth) for one in anatomy.fasciae),
        spots=tuple(_scaled(one, factor, "radius", "plane") for one in anatomy.spots),
        vessels=tuple(_scaled(one, factor, "half_width", "half_height") for one in anatomy.vessels),
        bone=anatomy.bone and _scaled(anatomy.bone, factor, "width"),
    )


def _scaled(part: Part, factor: float, *lengths: str) -> Part:
    """A part of the anatomy further from the skin's middle, and these lengths of it longer."""
    return replace(
        part,
        row=factor * part.row,
        column=_column(part.column, factor),
        **{name: factor * getattr(part, name) for name in lengths},
    )


def _column(column: float, factor: float) -> float:
    return WIDTH / 2 + factor * (column - WIDTH / 2)
