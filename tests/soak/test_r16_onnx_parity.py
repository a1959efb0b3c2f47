"""R16: graphs outside torch say on 200 frames what torch says: logits, masks and Dice."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from nerveceg.calibration import Calibration
from nerveceg.data.frames import find_frames
from nerveceg.data.geometry import Geometry
from nerveceg.data.images import read_image, read_mask
from nerveceg.data.phantom import write_phantom
from nerveceg.decision import Rule
from nerveceg.engines import OnnxRuntime, OpenVino
from nerveceg.exported import ExportedPipeline
from nerveceg.exported.writing import export_pipeline
from nerveceg.looks import look
from nerveceg.models.classifier import Classifier
from nerveceg.models.member import Member
from nerveceg.models.segmenter import Segmenter
from nerveceg.pipeline import Pipeline
from nerveceg.probability.maps import Platt

ENGINES = {"onnxruntime": OnnxRuntime, "openvino": OpenVino}
TOGETHER = 10
STEPS, BATCH = 160, 16


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory):
    """200 phantom frames, uint8 [H, W], and their true masks.

    No two are equal: the middle presence of a pair would lie at the very threshold.
    """
    folder = tmp_path_factory.mktemp("r16") / "phantom"
    write_phantom(
        folder, subjects=20, frames_per_subject=10, exact_twins=0, near_twins=0, progress=False
    )
    frames = find_frames(folder / "train")
    images = [read_image(frame.image) for frame in frames]
    truths = [read_mask(frame, image.shape) for frame, image in zip(frames, images, strict=True)]
    return images, truths


@pytest.fixture(scope="module")
def pipeline(photographs):
    """EfficientNet-Lite0 and U-Net after some steps of training; half of the frames pass."""
    torch.manual_seed(0)
    member = Member(
        Classifier("tf_efficientnet_lite0", weights="imagenet"),
        Segmenter("Unet", encoder="tu-tf_efficientnet_lite0", weights="imagenet"),
    )
    made = Pipeline([member], geometry=Geometry(size=(96, 128)), rule=Rule(presence=0.0))
    seen, shown = train(made, *photographs)
    member.eval()
    logits = made.ensemble.look(seen[:48])
    middle = logits.presence_logits.quantile(0.5).item()
    level = logits.mask_logits()[0, shown[:48]].flatten()[::7].quantile(0.9).sigmoid().item()
    made.calibration = Calibration(presence=Platt(slope=2.0, intercept=-2.0 * middle))
    made.rule = Rule(presence=0.5, mask=level, area=20)
    return made


def train(pipeline, images, truths):
    """Some steps on all frames, for logits and inner values of the size that training makes."""
    (member,) = pipeline.ensemble.members
    seen = pipeline.network_input(images)
    native = torch.from_numpy(np.stack(truths))[:, None]
    masks, shown = pipeline.geometry.forward_mask(native).float(), native.flatten(1).any(1)
    optimizer = torch.optim.AdamW(member.train().parameters(), lr=1e-3)
    for step in range(STEPS):
        rows = torch.arange(step * BATCH, (step + 1) * BATCH) % len(images)
        loss = binary_cross_entropy_with_logits(member.classifier(seen[rows]), shown[rows].float())
        drawn = member.segmenter(seen[rows])
        loss = loss + binary_cross_entropy_with_logits(drawn, masks[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return seen, shown


def dice(masks, truths):
    """Mean over frames as Kaggle counts it."""
    scores = []
    for mask, truth in zip(masks, truths, strict=True):
        both = int(mask.sum()) + int(truth.sum())
        scores.append(2 * int((mask & truth).sum()) / both if both else 1.0)
    return float(np.mean(scores))


@pytest.mark.parametrize("name", ENGINES)
def test_r16_200_frames_get_the_logits_masks_and_dice_of_torch(
    name, pipeline, photographs, tmp_path: Path, figure
):
    pytest.importorskip(name)
    export_pipeline(pipeline, tmp_path / "exported")
    exported = ExportedPipeline(tmp_path / "exported", engine=ENGINES[name]())
    images, truths = photographs
    away, masks, expected = 0.0, [], []
    for first in range(0, len(images), TOGETHER):
        batch = images[first : first + TOGETHER]
        theirs = pipeline.ensemble.look(pipeline.network_input(batch))
        ours = look(
            exported._networks, exported.network_input(batch), views=pipeline.ensemble.views
        )
        for one, other in (
            (ours.presence_logits, theirs.presence_logits),
            (ours.mask_logits(), theirs.mask_logits()),
        ):
            away = max(away, float(np.abs(one - other.numpy()).max()))
        masks += [prediction.mask for prediction in exported.predict_batch(batch)]
        expected += [prediction.mask for prediction in pipeline.predict_batch(batch)]
    pixels = sum(mask.size for mask in expected)
    wrong = sum(int((mask != other).sum()) for mask, other in zip(masks, expected, strict=True))
    assert 40 <= sum(mask.any() for mask in expected) <= 160
    difference = abs(dice(masks, truths) - dice(expected, truths))
    assert away <= 1e-4
    assert wrong <= pixels / 1e6
    assert difference <= 1e-4
    figure(
        "R16",
        f"{name}: {len(images)} frames, logits within {away:.1e}, {wrong} of {pixels:,} pixels "
        f"differ, Dice by {difference:.1e}",
    )
