import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from nerveceg.calibration import Calibration
from nerveceg.data.images import read_image
from nerveceg.decision import Rule, decide
from nerveceg.errors import NerveCegError
from nerveceg.evaluation.evaluate import evaluate
from nerveceg.pipeline import Pipeline
from nerveceg.runtime import Runtime


@pytest.fixture
def images(frames):
    return [read_image(frame.image) for frame in frames[:16]]


def masks_of(predictions):
    return [prediction.mask for prediction in predictions]


def assert_same(first, second):
    """Equal but for roundings, which follow the batch: a pixel at the very threshold may flip."""
    for one, other in zip(first, second, strict=True):
        assert one.presence == pytest.approx(other.presence, abs=1e-4)
        assert one.mask.shape == other.mask.shape
        assert np.count_nonzero(one.mask != other.mask) <= 5


def test_the_fixture_shows_closed_gates_and_masks_of_several_sizes(pipeline, images):
    areas = {int(mask.sum()) for mask in masks_of(pipeline.predict_batch(images))}
    assert 0 in areas
    assert len(areas) > 3


def test_a_prediction_is_a_probability_and_a_mask_at_native_size(pipeline, images):
    for image, prediction in zip(images, pipeline.predict_batch(images), strict=True):
        assert 0 <= prediction.presence <= 1
        assert prediction.mask.shape == image.shape
        assert prediction.mask.dtype == np.bool_


def test_a_saved_pipeline_comes_back_with_equal_logits_and_predictions(pipeline, images, tmp_path):
    pipeline.trained_on = frozenset({"aa"})
    pipeline.constant_mask = torch.rand(1, 1, 42, 58) > 0.5
    pipeline.save_pretrained(tmp_path / "run")
    shutil.move(tmp_path / "run", tmp_path / "moved")
    loaded = Pipeline.from_pretrained(tmp_path / "moved")
    network_input = pipeline.network_input(images)
    assert torch.equal(loaded.network_input(images), network_input)
    with torch.inference_mode():
        for stage in ("classifier", "segmenter"):
            first, second = (getattr(p, stage)(network_input) for p in (pipeline, loaded))
            assert torch.equal(first, second), stage
    for name in ("geometry", "calibration", "rule", "trained_on"):
        assert getattr(loaded, name) == getattr(pipeline, name)
    assert torch.equal(loaded.constant_mask, pipeline.constant_mask)
    for one, other in zip(*(p.predict_batch(images) for p in (pipeline, loaded)), strict=True):
        assert one.presence == other.presence
        assert np.array_equal(one.mask, other.mask)


def test_a_path_an_array_and_a_string_give_the_same(pipeline, frames):
    path = frames[0].image
    assert_same(
        [pipeline.predict(path)] * 2,
        [pipeline.predict(str(path)), pipeline.predict(read_image(path))],
    )


@pytest.mark.parametrize("size", [1, 4])
def test_masks_do_not_depend_on_the_batch_size(pipeline, images, size):
    batches = [images[start : start + size] for start in range(0, len(images), size)]
    in_parts = [prediction for batch in batches for prediction in pipeline.predict_batch(batch)]
    assert_same(in_parts, pipeline.predict_batch(images))


def test_frames_of_several_sizes_go_in_one_batch(pipeline, images):
    mixed = [images[0], images[1][:300, :400], images[2], images[3][40:, :], images[4][::2, ::2]]
    together = pipeline.predict_batch(mixed)
    assert [mask.shape for mask in masks_of(together)] == [image.shape for image in mixed]
    assert_same(together, [pipeline.predict(image) for image in mixed])


def test_predicting_and_evaluating_give_the_same_masks(pipeline, frames):
    seen = []
    evaluate(
        pipeline,
        frames,
        batch_size=7,
        watch=lambda reading, prediction: seen.append((reading.frame, prediction)),
        resamples=10,
        progress=False,
    )
    assert [frame for frame, _ in seen] == frames
    assert_same([prediction for _, prediction in seen], [pipeline.predict(f.image) for f in frames])


def test_the_mask_is_the_decision_on_restored_probabilities(pipeline, images):
    network_input = pipeline.network_input(images)
    native = pipeline.geometry.restore(pipeline.probability(network_input), images[0].shape)
    expected = decide(pipeline.presence(network_input), native, pipeline.rule)[:, 0].numpy()
    assert np.array_equal(np.stack(masks_of(pipeline.predict_batch(images))), expected)


@pytest.mark.parametrize(("bias", "drawn"), [(6.0, True), (-6.0, False)])
def test_a_classifier_that_says_nerve_opens_the_gate_and_never_the_other_way(
    pipeline, images, bias, drawn
):
    head = [p for p in pipeline.classifier.network.parameters() if p.shape == (1,)][-1]
    torch.nn.init.constant_(head, bias)
    pipeline.calibration = Calibration()
    pipeline.rule = Rule(mask=pipeline.rule.mask, postprocess=())
    probability = pipeline.probability(pipeline.network_input(images))
    native = pipeline.geometry.restore(probability, images[0].shape)
    wanted = (native >= pipeline.rule.mask)[:, 0].numpy() & drawn
    predictions = pipeline.predict_batch(images)
    assert all((prediction.presence > 0.9) == drawn for prediction in predictions)
    assert np.array_equal(np.stack(masks_of(predictions)), wanted)
    assert wanted.any() == drawn


def test_the_pipeline_learns_nothing_from_what_it_predicts(pipeline, images):
    before = {k: v.clone() for k, v in pipeline.classifier.state_dict().items()}
    pipeline.classifier.train()
    again = Pipeline(pipeline.classifier, pipeline.segmenter, geometry=pipeline.geometry)
    again.predict_batch(images)
    assert all(torch.equal(v, before[k]) for k, v in again.classifier.state_dict().items())


def test_bfloat16_changes_roundings_alone(pipeline, images):
    plain = pipeline.presence(pipeline.network_input(images))
    logit = (plain.logit() - pipeline.calibration.intercept) / pipeline.calibration.slope
    pipeline.calibration = Calibration()
    pipeline.use(Runtime(device="cpu", precision="bfloat16"))
    network_input = pipeline.network_input(images)
    half, probability = pipeline.presence(network_input), pipeline.probability(network_input)
    assert half.dtype == probability.dtype == torch.float32
    torch.testing.assert_close(half, logit.sigmoid(), atol=0.02, rtol=0)


def test_a_changed_weight_file_is_refused(pipeline, tmp_path):
    pipeline.save_pretrained(tmp_path)
    path = tmp_path / "cls" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\x7f")
    with pytest.raises(NerveCegError, match="sha256"):
        Pipeline.from_pretrained(tmp_path)


def test_a_run_that_is_not_there_names_the_cure(tmp_path):
    with pytest.raises(NerveCegError, match=r"train_cls\.py") as caught:
        Pipeline.from_pretrained(tmp_path / "none")
    assert "\n" not in str(caught.value)


def test_a_frame_that_cannot_be_read_is_named(pipeline, tmp_path):
    (tmp_path / "1_1.png").write_bytes(b"no image")
    with pytest.raises(NerveCegError, match=r"1_1\.png"):
        pipeline.predict(tmp_path / "1_1.png")


def test_a_tiny_frame_and_a_huge_one_get_masks_of_their_size(pipeline, tmp_path):
    for shape in ((3, 5), (1500, 40)):
        path = tmp_path / "frame.png"
        Image.fromarray(np.full(shape, 90, np.uint8)).save(path)
        assert pipeline.predict(path).mask.shape == shape
