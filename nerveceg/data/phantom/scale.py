"""A person's anatomy at another depth setting: all lengths of it larger or smaller."""

from dataclasses import replace
from math import log

from nerveceg.data.phantom.anatomy import Anatomy
from nerveceg.data.phantom.grid import WIDTH
from nerveceg.data.phantom.sweep import Location


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
        spots=tuple(
            replace(
                one,
                row=factor * one.row,
                column=_column(one.column, factor),
                radius=factor * one.radius,
                plane=factor * one.plane,
            )
            for one in anatomy.spots
        ),
        vessels=tuple(
            replace(
                one,
                row=factor * one.row,
                column=_column(one.column, factor),
                half_width=factor * one.half_width,
                half_height=factor * one.half_height,
            )
            for one in anatomy.vessels
        ),
        bone=anatomy.bone
        and replace(
            anatomy.bone,
            row=factor * anatomy.bone.row,
            column=_column(anatomy.bone.column, factor),
            width=factor * anatomy.bone.width,
        ),
    )


def _column(column: float, factor: float) -> float:
    return WIDTH / 2 + factor * (column - WIDTH / 2)
