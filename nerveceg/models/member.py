"""The networks that one training run made."""

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

import torch
from torch import Tensor, nn

from nerveceg.models.two_heads import Output, TwoHeads


class Look(NamedTuple):
    """What a member says of N frames."""

    presence: Tensor
    """float [N], presence logits"""
    mask: Callable[[Tensor | slice], Tensor]
    """mask logits, float [n, 1, h, w], of the n frames at these places"""


class Member(nn.Module):
    """Classifier and segmenter trained on the same frames; an ensemble has several.

    Without a classifier the segmenter sees every frame. One of two heads says presence as well;
    beside any other, every frame is taken to show the nerve: its presence logit is infinite.
    """

    def __init__(self, classifier: nn.Module | None, segmenter: nn.Module) -> None:
        super().__init__()
        self.classifier = classifier
        self.segmenter = segmenter

    def look(
        self,
        image: Tensor,
        *,
        autocast: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> Look:
        """Logits of float image [N, 1, h, w] in [0, 1]; a network sees a frame once, if at all.

        autocast: makes the context that the networks run in.
        """

        def segment(places: Tensor | slice) -> Output:
            with autocast():
                output: Output = self.segmenter(image[places])
            return output

        if self.classifier is not None:
            with autocast():
                presence = self.classifier(image)
            return Look(presence, lambda places: _mask(segment(places)))
        output = segment(slice(None))
        mask = _mask(output)
        if isinstance(output, TwoHeads):
            return Look(output.presence, mask.__getitem__)
        return Look(torch.full((len(image),), math.inf, device=image.device), mask.__getitem__)


def _mask(output: Output) -> Tensor:
    return output.mask if isinstance(output, TwoHeads) else output
