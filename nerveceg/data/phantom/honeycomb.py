"""A single bright nerve, cut across: small dark fascicles in bright tissue, and a sheath."""

from math import pi, sqrt

import numpy as np

from nerveceg.data.phantom.anatomy import Fascicle, Plexus

_SHARE = 0.45
"""Of the nerve's area that the fascicles fill."""


def draw_honeycomb(rng: np.random.Generator, *, aspect: float) -> Plexus:
    """The fascicles of a median, ulnar, sciatic or femoral nerve.

    Silvestri et al., Radiology 1995: many rounded dark areas in a homogeneous bright ground.

    aspect: major over minor half-axis.
    """
    count = int(rng.integers(7, 20))
    radius = sqrt(_SHARE * aspect / count)
    return Plexus(
        fascicles=tuple(
            Fascicle(
                along=along,
                aside=aside,
                radius=radius * float(rng.uniform(0.7, 1.15)),
                weight=float(rng.uniform(0.6, 1.1)),
                lit_from=float(rng.uniform(0, 2 * pi)),
            )
            for along, aside in _places(rng, count)
        ),
        connective_db=float(rng.uniform(9, 15)),
        rim_db=float(rng.uniform(2, 7)),
        core_db=float(rng.uniform(-10, -4)),
        groove=float(rng.uniform(0, 0.15)),
        outline_db=float(rng.uniform(4, 12)),
        bend=0.25,
    )


def _places(rng: np.random.Generator, count: int) -> list[tuple[float, float]]:
    """Evenly over the ellipse, in shares of its half-axes, as a sunflower's seeds (Vogel 1979)."""
    turn, order = rng.uniform(0, 2 * pi), np.arange(count) + 0.5
    radius = 0.86 * np.sqrt(order / count)
    angle = turn + order * pi * (3 - sqrt(5))
    along = radius * np.cos(angle) + rng.normal(0, 0.04, count)
    aside = radius * np.sin(angle) + rng.normal(0, 0.04, count)
    return list(zip(along.tolist(), aside.tolist(), strict=True))
