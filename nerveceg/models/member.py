"""The networks that one training run made."""

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

import torch
from torch import Tensor, nn

from nerveceg.models.two_heads import TwoHeads


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

        def draw(places: Tensor | slice) -> Tensor | TwoHeads:
            with autocast():
                output: Tensor | TwoHeads = self.segmenter(image[places])
            return output

        if self.classifier is not None:
            with autocast():
                return Look(self.classifier(image), draw)
        output = draw(slice(None))
        if isinstance(output, TwoHeads):
            return Look(output.presence, output.mask.__getitem__)
        certain = torch.full((len(image),), math.inf, device=image.device)
        return Look(certain, output.__getitem__)
