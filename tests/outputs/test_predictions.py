import csv

import numpy as np
import pytest
from PIL import Image

from nerveceg.data.frames import Frame, find_frames
from nerveceg.data.images import read_mask_file
from nerveceg.data.reading import Reading
from nerveceg.data.runlength import decode_runs
from nerveceg.errors import NerveCegError
from nerveceg.inference import predict_frames
from nerveceg.outputs.masks import read_submission
from nerveceg.outputs.overlays import PREDICTION, TRUTH
from nerveceg.outputs.predictions import PredictionWriter
from nerveceg.prediction import Prediction
from nerveceg.runtime import Runtime

IMAGE = np.full((40, 60), 90, np.uint8)


def reading(name, tmp_path, truth=None):
    return Reading(Frame(name, "1", tmp_path / f"{name}.png", None), IMAGE, truth)


def prediction(*, rows=slice(0), columns=slice(0), presence=0.25):
    mask = np.zeros((40, 60), bool)
    mask[rows, columns] = True
    return Prediction(presence, mask)


def table_of(folder):
    with (folder / "predictions.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_each_file_holds_the_prediction_of_the_frame_it_is_named_after(
    pipeline, frames, tmp_path, suffix
):
    predicted = {}
    writer = PredictionWriter(tmp_path, mask_suffix=suffix, overlays=False, overwrite=False)

    def watch(reading, prediction):
        predicted[reading.frame.id] = prediction.mask
        writer.write(reading, prediction)

    pipeline.use(Runtime(device="cpu", batch_size=1))
    predict_frames(pipeline, frames[:9], watch=watch, progress=False)
    writer.finish()
    assert len({mask.tobytes() for mask in predicted.values()}) > 2, "masks must differ"
    files = sorted((tmp_path / "masks").iterdir())
    assert {file.name for file in files} == {f"{frame.id}{suffix}" for frame in frames[:9]}
    submitted = read_submission(tmp_path / "submission.csv")
    for frame in frames[:9]:
        mask = predicted[frame.id]
        assert np.array_equal(read_mask_file(tmp_path / "masks" / f"{frame.id}{suffix}"), mask)
        assert np.array_equal(decode_runs(submitted[frame.id], mask.shape), mask)


def test_the_table_has_a_line_a_frame_with_area_and_centre_in_native_pixels(tmp_path):
    writer = PredictionWriter(tmp_path, overwrite=False, refer=0.75)
    drawn = prediction(rows=slice(10, 15), columns=slice(20, 31), presence=0.91237)
    writer.write(reading("1_1", tmp_path), drawn._replace(expected=0.8, spread=0.03125))
    writer.write(reading("1_2", tmp_path), prediction()._replace(expected=0.75, spread=0.01))
    rows = writer.finish()
    assert table_of(tmp_path) == [
        ["id", "presence", "decision", "area", "row", "column", "expected", "spread", "refer"],
        ["1_1", "0.9124", "nerve", "55", "12.0", "25.0", "0.8000", "0.0312", "no"],
        ["1_2", "0.2500", "none", "0", "", "", "0.7500", "0.0100", "yes"],
    ]
    assert [row.id for row in rows] == ["1_1", "1_2"]


def test_the_submission_is_in_numeric_order_and_empty_where_nothing_is_drawn(tmp_path):
    writer = PredictionWriter(tmp_path, overlays=False, overwrite=False)
    for name in ("10", "9", "2"):
        drawn = prediction(rows=slice(3), columns=slice(int(name) % 2))
        writer.write(reading(name, tmp_path), drawn)
    writer.finish()
    text = (tmp_path / "submission.csv").read_text(encoding="utf-8")
    assert text == "img,pixels\n2,\n9,1 3\n10,\n"


def test_masks_are_8_bit_grey_of_0_and_255(tmp_path):
    writer = PredictionWriter(tmp_path, overwrite=False)
    writer.write(reading("1_1", tmp_path), prediction(rows=slice(9), columns=slice(9)))
    writer.finish()
    with Image.open(tmp_path / "masks" / "1_1.png") as picture:
        assert picture.mode == "L"
        assert set(np.unique(picture)) == {0, 255}


def test_an_overlay_shows_prediction_and_truth(tmp_path):
    truth = prediction(rows=slice(20, 35), columns=slice(30, 50)).mask
    writer = PredictionWriter(tmp_path, overwrite=False)
    drawn = prediction(rows=slice(2, 15), columns=slice(5, 25))
    writer.write(reading("1_1", tmp_path, truth), drawn)
    writer.finish()
    with Image.open(tmp_path / "overlays" / "1_1.png") as picture:
        pixels = {tuple(map(int, pixel)) for pixel in np.asarray(picture).reshape(-1, 3)}
    assert {PREDICTION, TRUTH} <= pixels


def test_overlays_are_left_out_if_wished(tmp_path):
    writer = PredictionWriter(tmp_path, overlays=False, overwrite=False)
    writer.write(reading("1_1", tmp_path), prediction())
    writer.finish()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "masks",
        "predictions.csv",
        "submission.csv",
    ]


def test_frames_of_one_name_in_two_folders_do_not_meet(tmp_path):
    writer = PredictionWriter(tmp_path, overwrite=False)
    for name, height in (("a/1", 3), ("b/1", 5)):
        drawn = prediction(rows=slice(height), columns=slice(1))
        writer.write(reading(name, tmp_path), drawn)
    writer.finish()
    assert read_mask_file(tmp_path / "masks" / "a" / "1.png").sum() == 3
    assert read_mask_file(tmp_path / "masks" / "b" / "1.png").sum() == 5
    assert (tmp_path / "overlays" / "b" / "1.png").is_file()


def test_predictions_that_are_there_are_kept_unless_overwritten(tmp_path):
    first = PredictionWriter(tmp_path, overwrite=False)
    first.write(reading("1_1", tmp_path), prediction())
    first.finish()
    before = table_of(tmp_path)
    with pytest.raises(NerveCegError, match="overwrite=true") as caught:
        PredictionWriter(tmp_path, overwrite=False)
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert table_of(tmp_path) == before
    again = PredictionWriter(tmp_path, overwrite=True)
    again.write(reading("1_2", tmp_path), prediction())
    again.finish()
    assert [row[0] for row in table_of(tmp_path)] == ["id", "1_2"]


def test_jpeg_is_no_format_for_masks(tmp_path):
    with pytest.raises(NerveCegError, match=r"mask_suffix=\.jpg"):
        PredictionWriter(tmp_path, mask_suffix=".jpg", overwrite=False)


def test_without_an_end_nothing_is_left(tmp_path):
    with PredictionWriter(tmp_path / "out", overwrite=False) as writer:
        writer.write(reading("1_1", tmp_path), prediction())
    assert [path.name for path in tmp_path.iterdir() if "out" in path.name] == []


def test_an_id_cannot_lead_out_of_the_folder(tmp_path):
    with PredictionWriter(tmp_path / "out", overwrite=False) as writer:
        frame = reading("1_1", tmp_path)
        away = frame._replace(frame=frame.frame._replace(id="../../1_1"))
        with pytest.raises(NerveCegError, match="outside"):
            writer.write(away, prediction())


def test_replacing_takes_away_what_inference_left_and_nothing_else(tmp_path):
    (tmp_path / "out/masks").mkdir(parents=True)
    (tmp_path / "out/masks/old.png").touch()
    (tmp_path / "out/report.json").touch()
    (tmp_path / "out/notes.txt").touch()
    with PredictionWriter(tmp_path / "out", overwrite=True) as writer:
        writer.write(reading("1_1", tmp_path), prediction())
        writer.finish()
    left = {path.name for path in (tmp_path / "out").iterdir()}
    assert left == {"masks", "overlays", "predictions.csv", "submission.csv", "notes.txt"}
    assert [path.name for path in (tmp_path / "out/masks").iterdir()] == ["1_1.png"]


def test_a_clip_gets_a_movie_and_single_frames_none(pipeline, frames, tmp_path):
    av = pytest.importorskip("av", reason="the extra nerveceg[video] isn't installed")
    with av.open(tmp_path / "P1.avi", "w") as container:
        stream = container.add_stream("ffv1", rate=10)
        stream.height, stream.width, stream.pix_fmt = 40, 60, "gray"
        for level in range(5):
            picture = np.full((40, 60), 50 * level, dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="gray")))
        container.mux(stream.encode())
    clip = find_frames(tmp_path / "P1.avi")
    writer = PredictionWriter(tmp_path / "out", overlays=False, movies=True, overwrite=False)
    predict_frames(pipeline, [*clip, frames[0]], watch=writer.write, progress=False)
    writer.finish()

    assert [path.name for path in (tmp_path / "out" / "movies").iterdir()] == ["P1.mp4"]
    assert len(find_frames(tmp_path / "out" / "movies" / "P1.mp4")) == 5
    assert [line[0] for line in table_of(tmp_path / "out")][-5:] == [f.id for f in clip]
