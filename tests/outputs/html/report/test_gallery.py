from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from nerveceg.data.frames import Frame
from nerveceg.data.reading import Reading
from nerveceg.data.runlength import decode_runs, encode_runs
from nerveceg.outputs.html.report.gallery import (
    MaskKeeper,
    choose_frames,
    draw_frame,
    hang_gallery,
    picture_file,
)
from nerveceg.prediction import Prediction


def test_best_median_and_worst_are_those_of_a_sorted_list(results):
    dice = results.dice()
    found = [k for k in range(len(results)) if results.nerve[k] and results.final.area[k]]
    ranked = sorted(found, key=lambda k: -dice[k])
    chosen = choose_frames(results, most=3)
    assert list(chosen["Best contours"]) == ranked[:3]
    assert list(dice[chosen["Worst contours"]]) == list(dice[ranked[::-1][:3]])
    median = np.median(dice[found])
    assert dice[chosen["Median contours"]].min() <= median <= dice[chosen["Median contours"]].max()
    assert all(results.nerve[k] and not results.final.area[k] for k in chosen["Missed nerves"])
    assert all(not results.nerve[k] and results.final.area[k] for k in chosen["False alarms"])


def test_no_frame_hangs_twice_however_few_there_are(make):
    for frames in (*range(1, 14), 30, 90):
        results = make(frames, subjects=2, seed=frames)
        results.truth_area[:] = 5000
        results.passed[:], results.mask.area[:] = True, 4000
        places = [place for group in choose_frames(results).values() for place in group]
        assert len(places) == len(set(places))
        assert len(places) == 18 if frames >= 18 else frames - frames % 3 <= len(places)


def test_pictures_come_from_the_files_and_one_that_is_gone_is_left_out(make, tmp_path):
    results = make(30, subjects=3)
    truth = np.zeros((420, 580), bool)
    truth[100:200, 200:300] = True
    frames, runs = [], {}
    for place, name in enumerate(results.ids):
        image, mask = tmp_path / f"{name}.png", tmp_path / f"{name}_mask.png"
        if place % 5:
            Image.fromarray(np.full((420, 580), 90, np.uint8)).save(image)
            Image.fromarray(truth.astype(np.uint8) * 255).save(mask)
        frames.append(Frame(str(name), str(results.subjects[place]), image, mask))
        runs[str(name)] = encode_runs(np.roll(truth, 9, axis=1))
    hung = hang_gallery(results, frames, runs)
    shown = {picture.id for pictures in hung.values() for picture in pictures}
    chosen = [place for group in choose_frames(results).values() for place in group]
    assert shown == {str(results.ids[place]) for place in chosen if place % 5}
    assert any(place % 5 == 0 for place in chosen)


def test_contours_lie_on_the_borders_of_the_masks():
    truth, mask = np.zeros((2, 60, 80), bool)
    truth[10:30, 20:50] = True
    drawing = str(draw_frame(np.zeros((60, 80), np.uint8), mask, truth, says="x"))
    path = drawing.split('class="truth" d="M')[1].split("z")[0]
    corners = {tuple(map(int, corner.split())) for corner in path.split("L")}
    assert corners == {(20, 10), (49, 10), (49, 29), (20, 29)}
    assert "prediction" not in drawing
    assert 'viewBox="0 0 80 60"' in drawing


def test_a_file_that_is_no_picture_gives_none(tmp_path):
    (tmp_path / "pairs.png").write_text("no picture")
    assert picture_file(tmp_path / "pairs.png", width=10) is None
    assert picture_file(tmp_path / "nothing.png", width=10) is None


def test_the_keeper_keeps_masks_and_calls_who_else_looks():
    mask, seen = np.eye(4, dtype=bool), []
    frame = Frame("1_1", "1", SimpleNamespace(), None)
    keeper = MaskKeeper(lambda *pair: seen.append(pair))
    reading = Reading(frame, np.zeros((4, 4), np.uint8), None)
    keeper(reading, Prediction(0.5, mask, 0.5, 0.0))
    np.testing.assert_array_equal(decode_runs(keeper.runs["1_1"], (4, 4)), mask)
    assert len(seen) == 1
    assert seen[0][0] is reading


@pytest.mark.parametrize("shape", [(3000, 20), (20, 3000)])
def test_a_narrow_frame_stays_small(shape):
    empty = np.zeros(shape, bool)
    drawing = draw_frame(np.zeros(shape, np.uint8), empty, empty, says="x")
    assert len(drawing) < 20_000
