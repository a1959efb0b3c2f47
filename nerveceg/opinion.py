"""What networks say of frames, turned into probabilities."""

from collections.abc import Sequence

from torch import Tensor

from nerveceg.ensemble import EVERY, Looks
from nerveceg.errors import NerveCegError
from nerveceg.operation import OperatingPoint, Presence


class Opinion:
    """What the networks say of N frames, as probabilities."""

    def __init__(self, looks: Looks, operation: OperatingPoint) -> None:
        self._looks = looks
        self._operation = operation
        self.presence: Presence = operation.presence(looks.presence_logits)
        """the gate's, calibrated"""

    def probability(self, places: Tensor | slice = EVERY) -> Tensor:
        """Calibrated mask probability, float32 [n, 1, h, w], of the n frames at these places.

        Given that the nerve is there. Segmenters run now.
        """
        return self._operation.probability(self._looks.mask_logits(places))


def refuse_nan(name: str, values: Tensor, places: Sequence[int]) -> None:
    """Stop at a frame whose values, float [N, ...], hold a NaN: it would pass for an empty one.

    places: of the frames in their batch.

    Raises:
        NerveCegError: for the first such frame.
    """
    whole = values.flatten(1).sum(1).isfinite().tolist()
    broken = [place for place, fine in zip(places, whole, strict=True) if not fine]
    if broken:
        raise NerveCegError(
            f"frame {broken[0] + 1} of the batch has a NaN {name}: look for overflow in half "
            "precision or weights that diverged in training"
        )
