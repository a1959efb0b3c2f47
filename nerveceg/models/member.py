"""The networks that one training run made."""

from torch import Tensor, nn

from nerveceg.models.networks import Look, Networks


class Member(nn.Module):
    """Classifier, or none, and segmenter trained on the same frames; an ensemble has several."""

    def __init__(self, classifier: nn.Module | None, segmenter: nn.Module) -> None:
        super().__init__()
        self.classifier = classifier
        self.segmenter = segmenter

    def look(self, image: Tensor) -> Look:
        """What `Networks` says of float image [N, 1, h, w] in [0, 1], by the modules themselves."""
        return Networks(self.classifier, self.segmenter).look(image)
