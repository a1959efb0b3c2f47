import numpy as np
import pytest
import torch
from torch import Tensor, nn

from nerveceg.calibration import Calibration
from nerveceg.data.geometry import Geometry
from nerveceg.decision import Rule
from nerveceg.evaluation.cost import count_gflop, count_parameters, measure_cost, processor_in_words
from nerveceg.models.member import Member
from nerveceg.models.two_heads import TwoHeads
from nerveceg.pipeline import Pipeline
from nerveceg.probability.maps import Platt
from nerveceg.runtime import Runtime
from nerveceg.views import PLAIN, View

IMAGE = np.full((20, 30), 90, dtype=np.uint8)
PIXELS = 8 * 12
GATE = 2 * 3 * 3 * 4 * PIXELS + 2 * 4
"""four 3 x 3 kernels at each pixel, then four products; two operations each"""
SEGMENTER = 2 * 5 * 5 * PIXELS


class Gate(nn.Module):
    """Says no to every frame."""

    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv2d(1, 4, 3, padding=1)
        self.line = nn.Linear(4, 1)

    def forward(self, image: Tensor) -> Tensor:
        return self.line(self.convolution(image).mean((2, 3)))[:, 0] - 50


class Segmenter(nn.Conv2d):
    def __init__(self):
        super().__init__(1, 1, 5, padding=2)


class Shared(Segmenter):
    def forward(self, image: Tensor) -> TwoHeads:
        mask = super().forward(image)
        return TwoHeads(mask.mean((1, 2, 3)), mask)


def pipeline_of(*members, views=PLAIN, **settings):
    return Pipeline(members, geometry=Geometry(size=(8, 12)), views=views, **settings)


def test_operations_are_those_of_gate_and_segmenter_by_hand():
    cost = measure_cost(pipeline_of(Member(Gate(), Segmenter())), IMAGE, repeats=1)
    assert cost.gflop * 1e9 == pytest.approx(GATE + SEGMENTER)
    assert cost.parameters == (4 * 9 + 4) + (4 + 1) + (25 + 1)
    assert cost.milliseconds > 0


def test_a_shared_network_is_run_and_counted_once():
    shared = pipeline_of(Member(None, Shared()))
    assert count_gflop(shared, IMAGE) * 1e9 == pytest.approx(SEGMENTER)
    assert count_parameters(shared) == 26


def test_every_view_and_every_member_costs():
    members = [Member(Gate(), Segmenter()) for _ in range(2)]
    several = pipeline_of(*members, views=(View(), View(mirrored=True), View(gamma=0.8)))
    assert measure_cost(several, IMAGE, repeats=1).gflop * 1e9 == pytest.approx(
        6 * (GATE + SEGMENTER)
    )
    assert count_parameters(several) == 2 * 71


def test_measuring_leaves_the_rule_and_the_networks_as_they_were():
    rule = Rule(presence=0.7, mask=0.4, area=3)
    calibration = Calibration(presence=Platt(slope=2.0, intercept=-1.0))
    pipeline = pipeline_of(Member(Gate(), Segmenter()), rule=rule, calibration=calibration)
    before = pipeline.predict(IMAGE)
    measure_cost(pipeline, IMAGE, repeats=1)
    after = pipeline.predict(IMAGE)
    assert (pipeline.rule, after.presence) == (rule, before.presence)
    assert not after.mask.any()


def test_the_machine_is_named_with_its_threads_and_precision():
    words = processor_in_words(Runtime(device="cpu"))
    assert words.endswith(f", {torch.get_num_threads()} threads, float32")
    assert not words.startswith("cpu,")
    assert words.split(",")[0]
