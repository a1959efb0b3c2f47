"""Networks in int8 keep the joint Dice: the starter pair, on made-up people that it hasn't seen."""

from pathlib import Path

import numpy as np
import pytest

from nerveceg.data.frames import find_frames
from nerveceg.data.geometry import Geometry
from nerveceg.data.images import read_image, read_mask
from nerveceg.data.phantom import write_phantom
from nerveceg.decision import Rule
from nerveceg.engines import OnnxRuntime, OpenVino
from nerveceg.exported import ExportedPipeline
from nerveceg.exported.writing import export_pipeline
from nerveceg.models.classifier import Classifier
from nerveceg.models.member import Member
from nerveceg.models.segmenter import Segmenter
from nerveceg.models.starting import STARTER, find_origin, start_network
from nerveceg.pipeline import Pipeline

ENGINES = {"onnxruntime": OnnxRuntime, "openvino": OpenVino}
LIMIT = 0.005
TOGETHER = 8


def begun(make, stage):
    """A network that is the starter's."""
    origin = find_origin(stage, STARTER)
    network = make(**{**origin.arguments, "weights": None})
    start_network(network, origin)
    return network


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    member = Member(begun(Classifier, "cls"), begun(Segmenter, "seg"))
    return Pipeline([member], geometry=Geometry(size=(128, 176)), rule=Rule(presence=0.5))


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory):
    """400 frames, uint8 [H, W], and their true masks."""
    folder = tmp_path_factory.mktemp("int8")
    write_phantom(folder, subjects=100, frames_per_subject=4, seed=31, progress=False)
    frames = find_frames(folder / "train")
    images = [read_image(frame.image) for frame in frames]
    pairs = zip(frames, images, strict=True)
    return images, [read_mask(frame, image.shape) for frame, image in pairs]


@pytest.fixture(scope="module")
def small(pipeline, photographs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An int8 folder, calibrated on every eighth frame."""
    pytest.importorskip("onnxruntime")
    folder = tmp_path_factory.mktemp("exported") / "int8"
    export_pipeline(pipeline, folder, calibrate_on=photographs[0][::8])
    return folder


@pytest.fixture(scope="module")
def expected(pipeline, photographs) -> float:
    """What torch gets in float32 on the frames that nothing was calibrated on."""
    found = dice(pipeline, *photographs)
    empty = np.mean([not truth.any() for truth in rest(photographs[1])])
    assert found > empty + 0.05
    return found


def rest(values):
    """All but every eighth."""
    return [value for place, value in enumerate(values) if place % 8]


def dice(pipeline, images, truths) -> float:
    """Mean over the frames that nothing was calibrated on; both empty is 1."""
    chosen, scores = rest(images), []
    batches = (chosen[first : first + TOGETHER] for first in range(0, len(chosen), TOGETHER))
    masks = [each.mask for batch in batches for each in pipeline.predict_batch(batch)]
    for mask, truth in zip(masks, rest(truths), strict=True):
        both = int(mask.sum()) + int(truth.sum())
        scores.append(2 * int((mask & truth).sum()) / both if both else 1.0)
    return float(np.mean(scores))


@pytest.mark.slow
@pytest.mark.parametrize("name", ENGINES)
def test_int8_keeps_the_joint_dice_of_float32(name, small, photographs, expected):
    pytest.importorskip(name)
    found = dice(ExportedPipeline(small, engine=ENGINES[name](precision="int8")), *photographs)
    assert abs(found - expected) <= LIMIT, f"{found:.4f}, {expected:.4f} in float32"
