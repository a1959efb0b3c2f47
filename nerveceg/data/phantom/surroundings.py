"""What lies around nerves elsewhere than in the neck: long sheets, large vessels, lost contact."""

from dataclasses import replace

import numpy as np

from nerveceg.data.phantom.anatomy import Anatomy, Fascia, Vessel
from nerveceg.data.phantom.grid import HEIGHT, LATERAL, WIDTH, Array, sigmoid
from nerveceg.data.phantom.sweep import Location


def vary_surroundings(anatomy: Anatomy, rng: np.random.Generator, *, location: Location) -> Anatomy:
    """The anatomy with up to three long oblique sheets, and up to two vessels beside the nerve.

    Vessels are decoys: dark and round as fascicles are, with or without a nerve beside them.
    """
    sheets = tuple(_draw_sheet(rng) for _ in range(int(rng.integers(0, 4))))
    vessels = tuple(_draw_vessel(rng, location) for _ in range(int(rng.integers(0, 3))))
    return replace(anatomy, fasciae=anatomy.fasciae + sheets, vessels=anatomy.vessels + vessels)


def draw_contact(rng: np.random.Generator, *, share: float) -> Array:
    """Gain along the probe in dB, float32 [1, COLUMNS]: in a share of people one side lies off."""
    if rng.random() >= share:
        return np.zeros_like(LATERAL)
    side = float(rng.choice([-1, 1]))
    border = WIDTH / 2 + side * rng.uniform(0.15, 0.45) * WIDTH
    lost = sigmoid(np.float32(side / 18) * (LATERAL - np.float32(border)))
    return np.asarray(np.float32(-rng.uniform(8, 30)) * lost)


def _draw_sheet(rng: np.random.Generator) -> Fascia:
    return Fascia(
        depth=float(rng.uniform(20, HEIGHT)),
        height_db=float(rng.uniform(10, 20)),
        thickness=float(rng.uniform(1.2, 3.5)),
        slope=float(rng.normal(0, 0.25)),
        broken=float(rng.uniform(0, 0.4)),
    )


def _draw_vessel(rng: np.random.Generator, location: Location) -> Vessel:
    width = float(rng.uniform(20, 80))
    return Vessel(
        row=location.row + float(rng.uniform(-60, 90)),
        column=location.column + float(rng.choice([-1, 1])) * (60 + width + rng.uniform(0, 90)),
        half_width=width,
        half_height=width * float(rng.uniform(0.5, 1)),
    )
