import logging
import shutil
from dataclasses import replace

import numpy as np
import pytest

from nerveceg.data.frames import find_frames
from nerveceg.data.images import digest_of, read_image
from nerveceg.errors import DataError, NerveCegError
from nerveceg.evaluation.evaluate import evaluate
from nerveceg.inference import predict_frames, scorable, smooth_presence
from nerveceg.outputs.predictions import PredictionWriter
from nerveceg.runtime import Runtime
from nerveceg.temporal import Exponential, FrameByFrame


def watched(pipeline, frames, **options):
    seen = []
    failures = predict_frames(
        pipeline, frames, watch=lambda *pair: seen.append(pair), progress=False, **options
    )
    return seen, failures


@pytest.mark.parametrize("batch_size", [1, 5, 16])
def test_every_frame_comes_in_order_with_its_own_prediction(pipeline, frames, batch_size):
    pipeline.use(Runtime(device="cpu", batch_size=batch_size))
    seen, failures = watched(pipeline, frames[:12])
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
    pipeline.use(Runtime(device="cpu", batch_size=1))
    with pytest.raises(DataError, match=r"1_2\.tif.*on_error=skip"):
        watched(pipeline, damaged)
    seen, failures = watched(pipeline, damaged, on_error="skip")
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


@pytest.fixture
def clip(frames, tmp_path):
    """A multi-frame DICOM file of ten frames, followed by a frame that stands alone."""
    pydicom = pytest.importorskip("pydicom", reason="the extra nerveceg[dicom] isn't installed")
    pictures = np.stack([read_image(frame.image) for frame in frames[:10]])
    data, meta = pydicom.Dataset(), pydicom.dataset.FileMetaDataset()
    meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    stated = {
        "SOPClassUID": "1.2.840.10008.5.1.4.1.1.3.1",
        "SOPInstanceUID": "1.2.3",
        "Modality": "US",
        "PatientName": "Doe^Jane",
        "PatientID": "ID-4711-SECRET",
        "NumberOfFrames": 10,
        "Rows": pictures.shape[1],
        "Columns": pictures.shape[2],
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "BitsAllocated": 8,
        "BitsStored": 8,
        "HighBit": 7,
        "PixelRepresentation": 0,
        "PixelData": pictures.tobytes(),
    }
    for name, value in stated.items():
        setattr(data, name, value)
    data.file_meta = meta
    data.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    return [*find_frames(tmp_path), frames[11]]


def test_presence_is_smoothed_over_a_clip_alone_and_decides(pipeline, clip, monkeypatch):
    calibrated = replace(pipeline.calibration, prevalence=0.4)
    monkeypatch.setattr(pipeline, "calibration", calibrated)
    monkeypatch.setattr(pipeline, "rule", replace(pipeline.rule, presence=0.5))
    before = {r.frame.id: p.presence for r, p in watched(pipeline, clip)[0]}
    smoother = Exponential(weight=0.3)

    smooth = smooth_presence(pipeline, clip[::-1], smoother, progress=False)
    after = {r.frame.id: p for r, p in watched(pipeline, clip, presence=smooth)[0]}

    ids = [frame.id for frame in clip[:10]]
    wanted = smoother(np.array([before[one] for one in ids]), prevalence=0.4)
    assert list(smooth) == ids
    np.testing.assert_allclose([after[one].presence for one in ids], wanted, atol=1e-4)
    assert after[clip[10].id].presence == pytest.approx(before[clip[10].id], abs=1e-4)
    assert any((before[one] >= 0.5) != (after[one].presence >= 0.5) for one in ids)
    for prediction in after.values():
        assert prediction.presence >= 0.5 or not prediction.mask.any()


def test_the_evaluator_decides_by_smoothed_presence_too(pipeline, frames):
    chosen = frames[:6]
    given = {frame.id: 0.0 for frame in chosen[:3]}

    shown = {}
    evaluate(
        pipeline,
        chosen,
        presence=given,
        watch=lambda reading, prediction: shown.update({reading.frame.id: prediction.presence}),
        resamples=20,
        progress=False,
    )

    assert [shown[frame.id] for frame in chosen[:3]] == [0, 0, 0]
    assert shown[chosen[3].id] > 0


def test_no_word_of_the_patient_is_in_what_is_written(pipeline, clip, tmp_path, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    writer = PredictionWriter(tmp_path / "out", movies=True, overwrite=False)
    predict_frames(pipeline, clip, watch=writer.write)
    writer.finish()

    written = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    said = [path.name.encode() for path in written] + [path.read_bytes() for path in written]
    said += [caplog.text.encode(), *(words.encode() for words in capfd.readouterr())]
    assert len(written) > 20
    assert not any(secret in words for words in said for secret in (b"Doe", b"Jane", b"ID-4711"))


def test_frame_by_frame_runs_nothing(pipeline, clip):
    assert smooth_presence(pipeline, clip, FrameByFrame(), progress=False) == {}


def test_smoothing_wants_a_calibrated_pipeline(pipeline, clip):
    with pytest.raises(NerveCegError, match=r"temporal=.* isn't calibrated"):
        smooth_presence(pipeline, clip, Exponential(weight=0.3), progress=False)
