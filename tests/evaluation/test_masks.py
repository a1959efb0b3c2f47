import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nerveceg.data.frames import find_frames
from nerveceg.data.images import read_mask
from nerveceg.data.runlength import encode_runs
from nerveceg.errors import DataError, NerveCegError
from nerveceg.evaluation.evaluate import evaluate
from nerveceg.evaluation.masks import evaluate_masks
from nerveceg.outputs.predictions import PredictionWriter
from nerveceg.tools import evaluate as evaluate_tool

SHAPE = (420, 580)


def score(predictions, frames, **options):
    return evaluate_masks(predictions, frames, resamples=20, progress=False, **options)


def write(path, mask):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(mask.astype(np.uint8) * np.uint8(255)).save(path)


def shifted(frame):
    """Another reader's mask: the truth some pixels off, and some frames seen otherwise."""
    mask = np.roll(read_mask(frame, SHAPE), (9, 4), axis=(0, 1))
    if frame.id.endswith("_1"):
        mask[:] = False
        mask[100:150, 200:280] = True
    return mask


@pytest.fixture
def drawn(mixed_frames, tmp_path):
    """A folder of another reader's masks of eight frames."""
    for frame in mixed_frames:
        write(tmp_path / f"drawn/{frame.id}.png", shifted(frame))
    return tmp_path / "drawn"


def test_the_truth_scores_one(frame_folder, frames):
    report = score(frame_folder, frames).report
    assert report.dice.value == 1
    assert report.gate.auroc.value == 1
    assert (report.contour.hd95_px, report.contour.iou) == (0, 1)
    assert report.frames == 30


@pytest.mark.slow
def test_the_pipelines_own_masks_score_as_the_pipeline(pipeline, frames, tmp_path):
    with PredictionWriter(tmp_path / "out", overlays=False, overwrite=False) as writer:
        ours = evaluate(pipeline, frames, watch=writer.write, resamples=20, progress=False).report
        writer.finish()
    for source in ("out", "out/submission.csv"):
        report, failures, unused = score(tmp_path / source, frames)
        assert (failures, unused) == ([], [])
        assert 0 < report.dice.value < 1
        assert report.row("two-stage") == ours.row("two-stage")
        assert report.final.sensitivity == ours.final.sensitivity
        assert report.loss == ours.loss
        assert np.array_equal(report.contour, ours.contour, equal_nan=True)
        assert str(report.by_subject) == str(ours.by_subject)  # NaN is NaN
        # predictions.csv states presence with four decimals.
        assert report.results.presence == pytest.approx(ours.results.presence, abs=5e-5)
        assert report.facts["presence"].startswith("predictions.csv")


def test_a_folder_and_both_tables_give_one_report(drawn, mixed_frames, tmp_path):
    runs = {frame.id: encode_runs(shifted(frame)) for frame in mixed_frames}
    rows = {"img,pixels": runs, "subject,img,pixels": {}}
    rows["subject,img,pixels"] = {name.replace("_", ","): line for name, line in runs.items()}
    wanted = score(drawn, mixed_frames).report
    for head, lines in rows.items():
        table = tmp_path / "runs.csv"
        table.write_text("\n".join([head, *(f"{name},{line}" for name, line in lines.items())]))
        report = score(table, mixed_frames).report
        told = {"predictions": "drawn"}
        assert replace(report, facts={**report.facts, **told}).to_json() == wanted.to_json()


def test_two_readers_agree_as_much_either_way(drawn, frame_folder, mixed_frames, tmp_path):
    """Truth and prediction change places; distances and overlap stay."""
    images = tmp_path / "images"
    for frame in mixed_frames:
        (images / frame.image.name).parent.mkdir(exist_ok=True)
        (images / frame.image.name).write_bytes(frame.image.read_bytes())
        write(tmp_path / f"first/{frame.id}_mask.tif", read_mask(frame, SHAPE))
    first, second = tmp_path / "first", drawn
    there = score(second, find_frames(images, mask_folder=first)).report
    back = score(first, find_frames(images, mask_folder=second)).report
    assert 0 < there.dice.value < 1
    assert there.results.dice() == pytest.approx(back.results.dice(), abs=1e-12)
    assert there.results.hd95 == pytest.approx(back.results.hd95, nan_ok=True)
    assert there.prevalence != back.prevalence


def test_presence_that_is_not_stated_is_said_and_means_the_mask(drawn, mixed_frames):
    report = score(drawn, mixed_frames, facts={"data": "necks"}).report
    rates = report.final.sensitivity.value, report.final.specificity.value
    assert report.gate.auroc.value == pytest.approx(np.mean(rates))
    assert report.facts["presence"].startswith("not stated")
    assert report.facts["data"] == "necks"
    assert np.isnan(report.row("constant mask, oracle gate").dice.value)


def test_a_frame_without_a_mask_stops_or_is_left_out_and_said(drawn, mixed_frames):
    lacking = mixed_frames[2].id, mixed_frames[5].id
    for name in lacking:
        (drawn / f"{name}.png").unlink()
    said = f"no mask of frame {lacking[0]} \\(2 of 8 frames .* on_error=skip"
    with pytest.raises(DataError, match=said) as caught:
        score(drawn, mixed_frames)
    assert "\n" not in str(caught.value)
    report, failures, _ = score(drawn, mixed_frames, on_error="skip")
    assert report.frames == 6
    assert [line.split()[-1] for line in failures] == list(lacking)
    assert report.facts["left_out"]["frames without a usable mask"] == 2


def test_masks_that_share_no_name_with_the_frames_are_refused_in_any_mode(mixed_frames, tmp_path):
    (tmp_path / "t.csv").write_text("img,pixels\n1,\n2,\n")
    with pytest.raises(DataError, match=r"8 of 8 .* its first mask is of 1\)"):
        score(tmp_path / "t.csv", mixed_frames, on_error="skip")


def test_a_mask_of_no_frame_stops_or_is_left_out_and_said(drawn, mixed_frames):
    said = f"a mask of {mixed_frames[0].id}, which is none of the 7 frames \\(1 masks"
    with pytest.raises(DataError, match=said):
        score(drawn, mixed_frames[1:])
    report, failures, unused = score(drawn, mixed_frames[1:], on_error="skip")
    assert (report.frames, failures, unused) == (7, [], [mixed_frames[0].id])
    assert report.facts["left_out"]["masks of other frames"] == 1


def test_frames_of_unknown_truth_are_not_scored(drawn, mixed_frames):
    first, *rest = mixed_frames
    report, failures, unused = score(drawn, [first._replace(mask=None), *rest])
    assert (report.frames, failures, unused) == (7, [], [])
    assert report.facts["left_out"]["frames of unknown truth"] == 1
    with pytest.raises(DataError, match="has no mask: put"):
        score(drawn, [first._replace(mask=None)])


BROKEN = {
    "of another size": (np.zeros((21, 29), dtype=np.uint8), "21 rows x 29 columns, its image"),
    "of three values": (np.arange(420 * 580).reshape(SHAPE).astype(np.uint8) % 3, "0, 1, 2"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_mask_that_is_none_stops_or_is_left_out_and_said(case, drawn, mixed_frames):
    pixels, said = BROKEN[case]
    name = mixed_frames[3].id
    Image.fromarray(pixels).save(drawn / f"{name}.png")
    with pytest.raises(DataError, match=f"{name}.png.*{said}.*on_error=skip") as caught:
        score(drawn, mixed_frames)
    assert "\n" not in str(caught.value)
    report, failures, _ = score(drawn, mixed_frames, on_error="skip")
    assert report.frames == 7
    assert said in failures[0]


def test_an_unknown_word_for_errors_is_refused(drawn, mixed_frames):
    with pytest.raises(NerveCegError, match="stop or skip"):
        score(drawn, mixed_frames, on_error="ignore")


def test_rows_keep_the_order_and_the_groups_of_the_frames(drawn, mixed_frames):
    grouped = [frame._replace(groups={"reader": frame.id[0]}) for frame in mixed_frames]
    results = score(drawn, grouped).report.results
    assert list(results.groups["reader"]) == [frame.id[0] for frame in mixed_frames]
    assert list(results.ids) == [frame.id for frame in mixed_frames]
    assert list(results.subjects) == [frame.subject for frame in mixed_frames]


@pytest.fixture
def run(run):
    return partial(run, evaluate_tool, "runtime.device=cpu")


def test_the_tool_scores_a_folder_on_all_frames_and_saves_where_told(frame_folder, run):
    words = [f"predictions={frame_folder}", f"data.root={frame_folder}", "bootstraps=20"]
    status, out, err = run(*words)
    assert (status, "over 30 frames of 10 subjects" in out) == (0, True), err
    assert "presence: not stated" in err
    assert not list(Path().glob("**/report.json"))
    assert run(*words, "output=kept")[0] == 0
    report = json.loads(Path("kept/report.json").read_text())
    assert report["dice"]["value"] == 1
    assert str(frame_folder.parent) not in Path("kept/report.json").read_text()


@pytest.mark.slow
def test_the_tool_scores_a_fold_alone_where_one_is_named(frame_folder, run):
    words = [f"predictions={frame_folder}", f"data.root={frame_folder}", "fold=1", "bootstraps=20"]
    status, _, err = run(*words)
    assert (status, "none of the 6 frames" in err, "on_error=skip" in err) == (2, True, True)
    status, out, err = run(*words, "on_error=skip")
    assert (status, "over 6 frames of 2 subjects; split" in out) == (0, False), err
    assert "24 masks are of other frames" in err
    assert "split by subject, fold 1 of 5" in out


def test_the_tool_ends_in_a_mistake_where_frames_were_left_out(drawn, frame_folder, run):
    words = [f"predictions={drawn}", f"input={frame_folder}", "bootstraps=20"]
    status, _, err = run(*words)
    assert (status, len(err.strip().splitlines())) == (2, 1)
    status, out, err = run(*words, "on_error=skip")
    assert (status, "over 8 frames" in out) == (2, True)
    assert err.count("left out: ") == 22
