import shutil

import numpy as np
import pytest

from nerveceg.data.frames import find_frames
from nerveceg.data.images import digest_of, read_image
from nerveceg.errors import DataError
from nerveceg.inference import predict_frames, scorable


def watched(pipeline, frames, **options):
    seen = []
    failures = predict_frames(
        pipeline, frames, watch=lambda *pair: seen.append(pair), progress=False, **options
    )
    return seen, failures


@pytest.mark.parametrize("batch_size", [1, 5, 16])
def test_every_frame_comes_in_order_with_its_own_prediction(pipeline, frames, batch_size):
    seen, failures = watched(pipeline, frames[:12], batch_size=batch_size)
    assert failures == []
    assert [reading.frame for reading, _ in seen] == frames[:12]
    for reading, prediction in seen:
        assert np.array_equal(reading.image, read_image(reading.frame.image))
        alone = pipeline.predict(reading.frame.image)
        assert prediction.presence == pytest.approx(alone.presence, abs=1e-4)
        # Roundings follow the batch: a pixel at the very threshold may flip.
        assert np.count_nonzero(prediction.mask != alone.mask) <= 5


@pytest.fixture
def damaged(frame_folder, tmp_path):
    """Frames of which the second image and the third mask are damaged."""
    for name in ("1_1", "1_2", "1_3", "2_1"):
        for suffix in (".tif", "_mask.tif"):
            shutil.copy(frame_folder / f"{name}{suffix}", tmp_path)
    (tmp_path / "1_2.tif").write_bytes(b"no image")
    (tmp_path / "1_3_mask.tif").write_bytes(b"no mask")
    return find_frames(tmp_path)


def test_a_damaged_image_stops_unless_it_may_be_skipped(pipeline, damaged):
    with pytest.raises(DataError, match=r"1_2\.tif.*on_error=skip"):
        watched(pipeline, damaged, batch_size=2)
    seen, failures = watched(pipeline, damaged, batch_size=2, on_error="skip")
    assert [reading.frame.id for reading, _ in seen] == ["1_1", "1_3", "2_1"]
    assert len(failures) == 1
    assert "1_2.tif" in failures[0]


def test_the_truth_is_not_even_read(pipeline, damaged):
    seen, _ = watched(pipeline, damaged, on_error="skip")
    assert all(reading.truth is None for reading, _ in seen)


def test_frames_without_truth_are_predicted(pipeline, frames):
    blind = [frame._replace(mask=None) for frame in frames[:3]]
    assert len(watched(pipeline, blind)[0]) == 3


def test_subjects_seen_in_training_are_not_scored_under_any_name(pipeline, frames, tmp_path):
    pipeline.trained_on = frozenset({digest_of(frames[0].image), digest_of(frames[4].image)})
    left = scorable(pipeline, frames)
    gone = {frames[0].subject, frames[4].subject}
    assert left == [frame for frame in frames if frame.subject not in gone]
    shutil.copy(frames[0].image, tmp_path / "99_1.tif")
    renamed = frames[0]._replace(id="99_1", subject="99", image=tmp_path / "99_1.tif")
    assert scorable(pipeline, [renamed]) == []


def test_without_subjects_only_the_frames_themselves_are_known(pipeline, frames):
    alone = [frame._replace(subject="") for frame in frames[:3]]
    pipeline.trained_on = frozenset({digest_of(alone[1].image)})
    assert scorable(pipeline, alone) == [alone[0], alone[2]]


def test_frames_of_unknown_truth_are_not_scored(pipeline, frames):
    mixed = [frames[0]._replace(mask=None), frames[1], frames[2]._replace(mask="")]
    assert scorable(pipeline, mixed) == mixed[1:]
