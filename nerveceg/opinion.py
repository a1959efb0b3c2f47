"""What networks say of frames, turned into probabilities."""

from collections.abc import Sequence

from nerveceg.arrays import Array, like, namespace
from nerveceg.errors import NerveCegError
from nerveceg.looks import EVERY, Looks
from nerveceg.operation import OperatingPoint, Presence

Given = Sequence[float | None] | None
"""Presence of frames that counts in the place of the gate's own, such as that smoothed over a clip;
None leaves it the gate's, for one frame or for all."""


class Opinion:
    """What the networks say of N frames, as probabilities."""

    def __init__(
        self,
        looks: Looks,
        operation: OperatingPoint,
        *,
        presence: Given = None,
    ) -> None:
        self._looks = looks
        self._operation = operation
        own = operation.presence(looks.presence_logits)
        self.presence: Presence = own if presence is None else _replaced(own, presence)
        """the gate's, calibrated, but for frames of which `presence` says more"""

    def probability(self, places: Array | slice = EVERY) -> Array:
        """Calibrated mask probability, float32 [n, 1, h, w], of the n frames at these places.

        Given that the nerve is there. Segmenters run now.
        """
        return self._operation.probability(self._looks.mask_logits(places))


def _replaced(own: Presence, given: Sequence[float | None]) -> Presence:
    values = zip(own.value.tolist(), given, strict=True)
    better = [value if other is None else other for value, other in values]
    return own._replace(value=like(better, own.value))


def refuse_nan(name: str, values: Array, places: Sequence[int]) -> None:
    """Stop at a frame whose values, float [N, ...], hold a NaN: it would pass for an empty one.

    places: of the frames in their batch.

    Raises:
        NerveCegError: for the first such frame.
    """
    xp = namespace(values)
    whole = xp.isfinite(xp.sum(values, axis=tuple(range(1, values.ndim)))).tolist()
    broken = [place for place, fine in zip(places, whole, strict=True) if not fine]
    if broken:
        raise NerveCegError(
            f"frame {broken[0] + 1} of the batch has a NaN {name}: look for overflow in half "
            "precision or weights that diverged in training"
        )
