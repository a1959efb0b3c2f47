"""The networks of one training run at work, whatever runs them: what they say of frames."""

import math
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from nerveceg.arrays import Array, device, namespace
from nerveceg.models.two_heads import Output, TwoHeads

Network: TypeAlias = Callable[[Array], Output]
"""Float32 [N, 1, h, w] in [0, 1] to logits: a trained module, or a graph in another runtime."""


class Look(NamedTuple):
    """What a member says of N frames."""

    presence: Array
    """float [N], presence logits"""
    mask: Callable[[Array | slice], Array]
    """mask logits, float [n, 1, h, w], of the n frames at these places"""


class Networks(NamedTuple):
    """A classifier, or none, and a segmenter.

    Without a classifier the segmenter sees every frame. One of two heads says presence as well;
    beside any other, every frame is taken to show the nerve: its presence logit is infinite.
    """

    classifier: Network | None
    segmenter: Network

    def look(self, image: Array) -> Look:
        """Logits of float image [N, 1, h, w] in [0, 1]; a network sees a frame once, if at all."""
        if self.classifier is not None:
            presence = self.classifier(image)
            assert not isinstance(presence, TwoHeads)  # noqa: S101
            return Look(presence, lambda places: _mask(self.segmenter(image[places])))
        output = self.segmenter(image)
        mask = _mask(output)
        if isinstance(output, TwoHeads):
            return Look(output.presence, mask.__getitem__)
        every = namespace(image).full(
            (len(image),), math.inf, dtype=mask.dtype, device=device(mask)
        )
        return Look(every, mask.__getitem__)


def _mask(output: Output) -> Array:
    return output.mask if isinstance(output, TwoHeads) else output
