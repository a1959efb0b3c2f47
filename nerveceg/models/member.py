"""The two networks that one training run made."""

import math

import torch
from torch import Tensor, nn


class Member(nn.Module):
    """Classifier and segmenter trained on the same frames; an ensemble has several.

    Without a classifier every frame is taken to show the nerve: its presence logit is infinite.
    """

    def __init__(self, classifier: nn.Module | None, segmenter: nn.Module) -> None:
        super().__init__()
        self.classifier = classifier
        self.segmenter = segmenter

    def presence(self, image: Tensor) -> Tensor:
        """Presence logit, float [N], of float image [N, 1, h, w] in [0, 1]."""
        if self.classifier is None:
            return torch.full((len(image),), math.inf, device=image.device)
        logit: Tensor = self.classifier(image)
        return logit

    def mask(self, image: Tensor) -> Tensor:
        """Mask logit, float [N, 1, h, w], of float image [N, 1, h, w] in [0, 1]."""
        logit: Tensor = self.segmenter(image)
        return logit
