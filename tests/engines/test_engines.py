"""The same logits and the same masks, whatever runs the networks."""

import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from nerveceg.data.geometry import Geometry
from nerveceg.data.images import read_image
from nerveceg.engines import Compiled, Eager, OnnxRuntime, OpenVino
from nerveceg.engines.open_vino import has_bfloat16
from nerveceg.errors import NerveCegError
from nerveceg.models.member import Member
from nerveceg.models.two_heads import TwoHeads
from nerveceg.pipeline import Pipeline
from nerveceg.runtime import Runtime
from nerveceg.views import View

CPU = Runtime(device="cpu")


class TwoHeaded(torch.nn.Module):
    """A small network that looks for presence and mask at once."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.stem = torch.nn.Conv2d(1, 4, 3, padding=1)
        self.head = torch.nn.Conv2d(4, 1, 1)

    def forward(self, image):
        features = self.stem(image).relu()
        return TwoHeads(features.mean((1, 2, 3)) * 9 - 2, self.head(features))


@pytest.fixture(scope="module")
def network_input():
    """Sixteen frames, float32 [16, 1, 64, 96]."""
    return torch.rand(16, 1, 64, 96, generator=torch.Generator().manual_seed(0))


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["cls", "seg"])
def test_logits_are_those_of_torch_for_any_number_of_frames(
    engine, stage, network_input, make_classifier, make_segmenter
):
    network = (make_classifier(0) if stage == "cls" else make_segmenter(0)).eval()
    run, plain = engine.load(network, CPU), Eager().load(network, CPU)
    for count in (1, 4, 16):
        frames = network_input[:count].contiguous(memory_format=torch.channels_last)
        found, expected = run(frames), plain(frames)
        assert found.dtype == torch.float32
        torch.testing.assert_close(found, expected, atol=2e-5, rtol=1e-5)


@pytest.mark.parametrize("frames", [1, 3])
def test_two_heads_come_out_as_two(engine, network_input, frames):
    network = TwoHeaded().eval()
    found = engine.load(network, CPU)(network_input[:frames])
    assert isinstance(found, TwoHeads)
    for ours, theirs in zip(found, network(network_input[:frames]), strict=True):
        torch.testing.assert_close(ours, theirs.detach(), atol=1e-5, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("gated", [True, False])
def test_masks_differ_in_a_pixel_of_ten_thousand_at_most(engine, pipeline, frames, gated):
    if not gated:
        pipeline.ensemble.members[0].classifier = None
        pipeline.use(CPU)
    images = [read_image(frame.image) for frame in frames[:16]]
    expected = pipeline.predict_batch(images)
    drawn = sum(one.mask.any() for one in expected)
    assert drawn == 16 if not gated else 4 <= drawn <= 12
    pipeline.use(CPU, engine=engine)
    for count in (1, 4, 16):
        found = [
            prediction
            for first in range(0, 16, count)
            for prediction in pipeline.predict_batch(images[first : first + count])
        ]
        wrong = [np.mean(a.mask != b.mask) for a, b in zip(found, expected, strict=True)]
        assert np.mean(wrong) <= 1e-4
        for ours, theirs in zip(found, expected, strict=True):
            assert ours.presence == pytest.approx(theirs.presence, abs=2e-4)


@pytest.mark.slow
def test_views_of_several_sizes_run_too(engine, pipeline, network_input):
    views = (View(), View(mirrored=True, scale=0.75))
    plain, other = (
        Pipeline(p.ensemble.members, geometry=p.geometry, views=views) for p in (pipeline,) * 2
    )
    other.use(CPU, engine=engine)
    for name in ("presence_logits", "mask_logits"):
        ours, theirs = (getattr(p.ensemble.look(network_input[:2]), name) for p in (other, plain))
        ours, theirs = (one() if callable(one) else one for one in (ours, theirs))
        torch.testing.assert_close(ours, theirs, atol=3e-5, rtol=1e-5)


@pytest.mark.slow
def test_bfloat16_is_near_and_is_not_float32(network_input, make_segmenter):
    pytest.importorskip("openvino")
    if not has_bfloat16():
        pytest.skip("no bfloat16 instructions")
    network = make_segmenter(0).eval()
    expected = Eager().load(network, CPU)(network_input[:2])
    found = OpenVino(precision="bfloat16", threads=1).load(network, CPU)(network_input[:2])
    away = (found - expected).abs().max() / expected.std()
    assert 1e-4 < away < 0.2


def test_the_engine_stays_when_the_device_changes(pipeline):
    engine = Eager(precision="bfloat16")
    assert pipeline.use(CPU, engine=engine).to("cpu").engine is engine
    assert pipeline.runtime.bfloat16
    assert not pipeline.use(CPU).runtime.bfloat16


def test_torch_s_logits_are_float32_at_any_precision(network_input, make_segmenter):
    runtime = Eager(precision="bfloat16").place(CPU)
    logits = Eager().load(make_segmenter(0).eval(), runtime)(network_input[:1])
    assert logits.dtype == torch.float32
    assert not logits.requires_grad


@pytest.mark.parametrize("kind", [OnnxRuntime, OpenVino])
def test_a_processor_s_engine_refuses_a_gpu_and_takes_auto_for_the_processor(kind):
    assert kind().place(Runtime(device="auto")).torch_device.type == "cpu"
    with pytest.raises(NerveCegError, match=r"runtime\.device=cuda: .* take runtime\.device=cpu"):
        # Made on a machine that has one: here torch would refuse it first.
        kind().place(_elsewhere("cuda"))


def _elsewhere(device):
    runtime = replace(CPU)
    object.__setattr__(runtime, "device", device)
    return runtime


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (
            lambda: Eager(precision="int8"),
            r"engine=torch with engine\.precision=int8: auto, float32",
        ),
        (lambda: Compiled(precision="half"), r"engine=compile with engine\.precision=half"),
        (lambda: OnnxRuntime(precision="bfloat16"), r"onnxruntime .*bfloat16: float32, int8"),
        (lambda: OpenVino(threads=0), r"engine\.threads=0: a number from 1"),
    ],
)
def test_a_wrong_setting_is_refused(make, said):
    with pytest.raises(NerveCegError, match=said):
        make()


def test_int8_without_an_exported_folder_names_the_way_to_one(make_segmenter):
    with pytest.raises(NerveCegError, match=r"tools/export\.py engine\.precision=int8"):
        OnnxRuntime(precision="int8").load(make_segmenter(0), CPU)


@pytest.mark.parametrize(
    ("package", "kind", "extra"),
    [("onnxruntime", OnnxRuntime, "onnx"), ("openvino", OpenVino, "openvino")],
)
def test_an_engine_that_is_not_installed_names_its_extra(monkeypatch, package, kind, extra):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(NerveCegError, match=rf"pip install 'nerveceg\[{extra}\]"):
        kind()


def test_a_processor_without_bfloat16_says_so(monkeypatch):
    monkeypatch.setattr("nerveceg.engines.open_vino.has_bfloat16", lambda: False)
    with pytest.raises(
        NerveCegError, match="no bfloat16 instructions, take engine.precision=float32"
    ):
        OpenVino(precision="bfloat16")


@pytest.mark.slow
def test_compiled_networks_say_what_eager_ones_do(network_input):
    network = TwoHeaded().eval()
    try:
        found = Compiled().load(network, CPU)(network_input[:2])
    except Exception as error:
        if "compiler" in str(error).lower():
            pytest.skip("no C++ compiler")
        raise
    for ours, theirs in zip(found, Eager().load(network, CPU)(network_input[:2]), strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)


def test_a_member_without_a_gate_runs_by_an_engine(engine, network_input):
    pipeline = Pipeline([Member(None, TwoHeaded())], geometry=Geometry(size=(64, 96)))
    expected = pipeline.ensemble.look(network_input[:2]).presence_logits
    found = pipeline.use(CPU, engine=engine).ensemble.look(network_input[:2]).presence_logits
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
