"""R17: a frame's mask doesn't depend on the batch it comes in, nor on the order."""

import random
from dataclasses import replace

import numpy as np
import pytest
import torch

from nerveceg.data.frames import find_frames
from nerveceg.data.phantom import write_phantom
from nerveceg.inference import predict_frames
from nerveceg.runtime import Runtime
from nerveceg.views import make_views

SIZES = (1, 4, 16)
VIEWS = [{}, {"mirrored": True}]
ALLOWED = 1e-6
"""Pixels that may differ, of all: roundings follow the batch, and a pixel may lie at the edge."""


@pytest.fixture(scope="module")
def necks(tmp_path_factory):
    """200 frames of 50 subjects."""
    folder = tmp_path_factory.mktemp("necks") / "set"
    write_phantom(folder, subjects=50, frames_per_subject=4, progress=False)
    return find_frames(folder / "train")


def predicted(pipeline, frames, batch_size):
    """Masks and presence by frame id."""
    found = {}

    def keep(reading, prediction):
        found[reading.frame.id] = prediction

    pipeline.use(replace(pipeline.runtime, batch_size=batch_size), engine=pipeline.engine)
    predict_frames(pipeline, frames, watch=keep, progress=False)
    return found


def differing(one, other):
    """Pixels of all masks that differ, of how many, and the largest difference in presence."""
    assert one.keys() == other.keys()
    pixels = sum(int(np.count_nonzero(one[k].mask != other[k].mask)) for k in one)
    presence = max(abs(one[k].presence - other[k].presence) for k in one)
    return pixels, sum(one[k].mask.size for k in one), presence


@pytest.mark.parametrize("views", ["plain", "mirrored too"])
def test_masks_are_the_same_for_any_batch_and_order(pipeline, necks, views, figure):
    if views != "plain":
        pipeline.ensemble.views = make_views(VIEWS)
    alone = predicted(pipeline, necks, 1)
    assert any(one.mask.any() for one in alone.values())
    shuffled = random.Random(17).sample(necks, len(necks))
    worst = [differing(alone, predicted(pipeline, shuffled, size)) for size in SIZES]
    pixels, of, presence = max(worst)
    assert worst[0][0] == 0  # one frame at a time, in another order
    assert pixels <= max(1, ALLOWED * of)
    figure(
        "R17",
        f"{views}: batches of {', '.join(map(str, SIZES))} in any order, {len(necks)} frames: "
        f"{pixels} of {of / 1e6:.0f} million pixels differ, presence by {presence:.0e}",
    )


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_differs_by_at_most_a_pixel_in_a_million(pipeline, necks, figure):
    pipeline.use(Runtime(device="cuda", precision="float32"))
    alone = predicted(pipeline, necks, 1)
    pixels, of, presence = max(differing(alone, predicted(pipeline, necks, k)) for k in SIZES)
    assert pixels <= ALLOWED * of
    figure("R17", f"GPU: {pixels} of {of / 1e6:.0f} million pixels differ, presence {presence:.0e}")
