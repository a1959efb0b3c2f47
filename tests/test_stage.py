import pytest

from nerveceg.models.classifier import Classifier
from nerveceg.models.segmenter import Segmenter
from nerveceg.models.unets import RecurrentClassifier, UNet
from nerveceg.tools.stage import network_in_words


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: Classifier("test_resnet"), "test_resnet"),
        (lambda: Segmenter(encoder="tu-test_resnet"), "Unet tu-test_resnet"),
        (lambda: UNet((2, 2)), "UNet"),
        (lambda: UNet((2, 2), recurrent=True, attention=True), "UNet recurrent attention"),
        (lambda: RecurrentClassifier((2, 2)), "RecurrentClassifier"),
    ],
)
def test_a_network_is_announced_by_its_architecture_or_else_its_class(build, words):
    assert network_in_words(build()) == words
