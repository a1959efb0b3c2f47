"""Near-duplicate frames whose labels contradict each other, and what training makes of them."""

from nerveceg.data.conflicts.audit import Audit, find_conflicts, write_pairs
from nerveceg.data.conflicts.null import Null, measure_null
from nerveceg.data.conflicts.pairs import Pair
from nerveceg.data.conflicts.policies import POLICIES, TrainingLabels, training_labels

__all__ = [
    "POLICIES",
    "Audit",
    "Null",
    "Pair",
    "TrainingLabels",
    "find_conflicts",
    "measure_null",
    "training_labels",
    "write_pairs",
]
