"""A graph cut in two says what the whole one says."""

import numpy as np
import pytest
import torch

from nerveceg.engines.cutting import cut
from nerveceg.engines.graph import trace
from nerveceg.models.classifier import Classifier
from nerveceg.models.segmenter import Segmenter

openvino = pytest.importorskip("openvino")
SIZE = (64, 96)


def run(models, frames):
    """What the models, one after the other, make of the frames."""
    for model in models:
        compiled = openvino.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        frames = compiled({0: frames})[0]
    return frames


def read(network):
    torch.manual_seed(0)
    return openvino.Core().read_model(trace(network.eval(), SIZE))


def count(model):
    kinds = [node.get_type_name() for node in model.get_ordered_ops()]
    return sum("Convolution" in kind for kind in kinds)


@pytest.mark.parametrize("before", [1, 4, 8])
def test_both_parts_say_together_what_the_whole_says(before):
    network = Classifier("tf_efficientnet_lite0")
    frames = np.random.default_rng(0).random((2, 1, *SIZE), dtype=np.float32)
    parts = cut(read(network), before=before)
    first, rest = map(count, parts)
    assert 1 <= first <= before
    assert first + rest == count(read(network))
    assert np.array_equal(run(parts, frames), run([read(network)], frames))


def test_no_cut_leaves_out_what_flows_past_it():
    network = Segmenter("Unet", encoder="resnet34")  # its skip connections begin behind the stem
    frames = np.random.default_rng(0).random((1, 1, *SIZE), dtype=np.float32)
    (whole,) = cut(read(network), before=8)
    assert np.array_equal(run([whole], frames), run([read(network)], frames))
