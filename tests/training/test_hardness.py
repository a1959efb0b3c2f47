import pytest
import torch

from nerveceg.data.dataset import FrameDataset
from nerveceg.data.images import read_image
from nerveceg.runtime import Runtime
from nerveceg.training.hardness import presence_logits


@pytest.mark.parametrize("batch_size", [3, 32])
def test_every_frame_gets_the_logit_that_the_pipeline_gives_it(
    pipeline, mixed_frames, geometry, batch_size
):
    dataset = FrameDataset(mixed_frames, geometry=geometry, progress=False)
    classifier = pipeline.ensemble.members[0].classifier
    logits = presence_logits(
        classifier.train(), dataset, runtime=Runtime(device="cpu"), batch_size=batch_size
    )
    assert logits.shape == (8,)
    assert logits.dtype == torch.float32
    network_input = pipeline.network_input([read_image(frame.image) for frame in mixed_frames])
    with torch.inference_mode():
        expected = classifier.eval()(network_input)
    torch.testing.assert_close(logits, expected, atol=1e-5, rtol=1e-5)
