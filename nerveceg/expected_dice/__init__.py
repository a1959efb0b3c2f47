"""The mask that maximises the expected Dice of a frame that shows the nerve."""

from nerveceg.expected_dice.exact import (
    BestMask,
    best_of_independent,
    best_of_samples,
    plug_in_sorted,
)
from nerveceg.expected_dice.plug_in import Optimum, plug_in

__all__ = [
    "BestMask",
    "Optimum",
    "best_of_independent",
    "best_of_samples",
    "plug_in",
    "plug_in_sorted",
]
