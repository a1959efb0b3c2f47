"""A graph cut in two says what the whole one says."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from nerveceg.engines import OpenVino
from nerveceg.engines.cutting import cut
from nerveceg.engines.graph import trace
from nerveceg.engines.open_vino import core, has_bfloat16
from nerveceg.models.classifier import Classifier
from nerveceg.models.segmenter import Segmenter
from nerveceg.runtime import Runtime

pytest.importorskip("openvino")
SIZE = (64, 96)
SLOW = pytest.mark.slow


def run(models, frames):
    """What the models, one after the other, make of the frames."""
    for model in models:
        compiled = core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        frames = compiled({0: frames})[0]
    return frames


def read(network):
    torch.manual_seed(0)
    return core().read_model(trace(network.eval(), SIZE))


def count(model):
    kinds = [node.get_type_name() for node in model.get_ordered_ops()]
    return sum("Convolution" in kind for kind in kinds)


@pytest.mark.parametrize("before", [pytest.param(1, marks=SLOW), 4, pytest.param(8, marks=SLOW)])
def test_both_parts_say_together_what_the_whole_says(before):
    network = Classifier("tf_efficientnet_lite0")
    frames = np.random.default_rng(0).random((2, 1, *SIZE), dtype=np.float32)
    parts = cut(read(network), before=before)
    first, rest = map(count, parts)
    assert 1 <= first <= before
    assert first + rest == count(read(network))
    assert_allclose(run(parts, frames), run([read(network)], frames), rtol=1e-4, atol=1e-5)


@SLOW
def test_no_cut_leaves_out_what_flows_past_it():
    network = Segmenter("Unet", encoder="resnet34")  # its skip connections begin behind the stem
    frames = np.random.default_rng(0).random((1, 1, *SIZE), dtype=np.float32)
    (whole,) = cut(read(network), before=8)
    assert_allclose(run([whole], frames), run([read(network)], frames), rtol=1e-4, atol=1e-5)


@SLOW
def test_the_gate_in_bfloat16_is_nearer_to_float32_for_the_cut(monkeypatch):
    if not has_bfloat16():
        pytest.skip("no bfloat16 instructions")
    torch.manual_seed(0)
    gate, cpu = (
        Classifier("tf_efficientnet_lite0", weights="imagenet").eval(),
        Runtime(device="cpu"),
    )
    first, second = torch.rand(8, 1, *SIZE), torch.rand(3, 1, *SIZE)
    with torch.inference_mode():
        expected = gate(first)
        cut_away = (load(gate, cpu)(first) - expected).abs().mean()
        other = load(gate, cpu)
        other(first)
        assert_allclose(other(second), gate(second), atol=0.2)
        monkeypatch.setattr("nerveceg.engines.open_vino.EXACT", 0)
        whole_away = (load(gate, cpu)(first) - expected).abs().mean()
    assert 0 < cut_away < whole_away


def load(network, runtime):
    return OpenVino(precision="bfloat16", threads=1).load(network, runtime)
