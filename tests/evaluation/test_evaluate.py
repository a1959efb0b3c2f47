import json
import math

import numpy as np
import pytest
import torch
from PIL import Image

from nerveceg.data.images import digest_of, read_image, read_mask
from nerveceg.decision import Rule
from nerveceg.errors import DataError, NerveCegError
from nerveceg.evaluation.evaluate import evaluate
from nerveceg.runtime import Runtime


def score(pipeline, frames, **options):
    return evaluate(pipeline, frames, **{"resamples": 20, "progress": False, **options})


def kaggle_dice(mask, truth):
    total = int(mask.sum()) + int(truth.sum())
    return 1.0 if total == 0 else 2 * int((mask & truth).sum()) / total


def brute_force(pipeline, frames):
    dice = []
    for frame in frames:
        image = read_image(frame.image)
        dice.append(kaggle_dice(pipeline.predict(image).mask, read_mask(frame, image.shape)))
    return dice


@pytest.mark.parametrize("batch_size", [pytest.param(4, marks=pytest.mark.slow), 16])
def test_the_headline_is_the_mean_dice_of_what_predict_draws(pipeline, frames, batch_size):
    report = score(pipeline.use(Runtime(device="cpu", batch_size=batch_size)), frames).report
    dice = brute_force(pipeline, frames)
    assert 0 < np.mean(dice) < 1
    assert report.dice.value == pytest.approx(np.mean(dice), abs=1e-5)
    assert list(report.results.ids) == [frame.id for frame in frames]
    assert list(report.results.subjects) == [frame.subject for frame in frames]
    assert report.results.dice() == pytest.approx(dice, abs=1e-3)


def test_the_tally_scores_a_plain_rule_as_the_pipeline_does(pipeline, frames):
    tally = score(pipeline, frames).tally
    level = round(pipeline.rule.mask * 100) / 100
    for minimum in (0, 40_000):
        pipeline.rule = Rule(presence=0.5, mask=level, area=minimum, postprocess=())
        scores = tally.score(0.5, level, minimum_area=minimum)
        assert scores == pytest.approx(brute_force(pipeline, frames), abs=1e-3)


def test_the_tally_of_a_blurred_rule_counts_blurred_masks(pipeline, mixed_frames):
    level = round(pipeline.rule.mask * 20) / 20
    pipeline.rule = Rule(presence=0.5, mask=level, blur=31, postprocess=("largest_component",))
    report, tally, _ = score(pipeline, mixed_frames)
    scores = tally.score(0.5, level, cleaned=True)
    assert scores == pytest.approx(report.results.dice(), abs=1e-6)
    assert scores == pytest.approx(brute_force(pipeline, mixed_frames), abs=1e-3)
    assert int(tally.blur) == 31
    pipeline.rule = Rule(presence=0.5, mask=level, postprocess=("largest_component",))
    plain = score(pipeline, mixed_frames).tally
    assert not np.array_equal(plain.area, tally.area)
    assert np.array_equal(plain.best_area, tally.best_area)
    assert np.array_equal(plain.expected, tally.expected)


def test_a_shut_gate_scores_the_share_of_empty_frames(pipeline, mixed_frames):
    pipeline.rule = Rule(presence=1.0)
    report = score(pipeline, mixed_frames).report
    assert report.dice.value == 0.5
    assert list(report.results.dice()) == [0.0] * 4 + [1.0] * 4


def test_frames_of_several_sizes_keep_their_order(pipeline, frames, tmp_path):
    mixed = []
    for place, frame in enumerate(frames[:7]):
        image = read_image(frame.image)
        mask = read_mask(frame, image.shape)
        step = 1 + place % 2
        paths = tmp_path / f"{frame.id}.png", tmp_path / f"{frame.id}_mask.png"
        Image.fromarray(image[::step, ::step]).save(paths[0])
        Image.fromarray(mask[::step, ::step].astype(np.uint8) * np.uint8(255)).save(paths[1])
        mixed.append(frame._replace(image=paths[0], mask=paths[1]))
    results = score(pipeline, mixed).report.results
    assert list(results.ids) == [frame.id for frame in mixed]
    assert list(results.height) == [420, 210, 420, 210, 420, 210, 420]
    assert results.dice() == pytest.approx(brute_force(pipeline, mixed), abs=2e-3)


def test_the_watcher_sees_each_frame_with_its_truth(pipeline, frames):
    seen = []
    pipeline.use(Runtime(device="cpu", batch_size=2))
    score(pipeline, frames[:5], watch=lambda *pair: seen.append(pair))
    assert [reading.frame for reading, _ in seen] == frames[:5]
    for reading, prediction in seen:
        assert np.array_equal(reading.truth, read_mask(reading.frame, reading.image.shape))
        assert prediction.mask.shape == reading.image.shape


def test_a_frame_of_unknown_truth_is_refused_before_anything_runs(pipeline, frames):
    unknown = frames[3]._replace(mask=None)
    seen = []
    with pytest.raises(DataError, match=unknown.image.name) as caught:
        score(pipeline, [*frames[:3], unknown], watch=lambda *pair: seen.append(pair))
    assert "\n" not in str(caught.value)
    assert seen == []


def test_damaged_files_stop_or_are_left_out_and_named(pipeline, frames, tmp_path):
    broken = tmp_path / "9_9.tif"
    broken.write_bytes(b"no image")
    listed = [frames[0], frames[1]._replace(id="9_9", image=broken), frames[2]]
    with pytest.raises(DataError, match=r"9_9\.tif"):
        score(pipeline, listed)
    evaluation = score(pipeline, listed, on_error="skip")
    assert evaluation.report.frames == 2
    assert list(evaluation.report.results.ids) == [frames[0].id, frames[2].id]
    assert len(evaluation.failures) == 1
    assert "9_9.tif" in evaluation.failures[0]


def test_networks_that_give_no_numbers_are_refused(pipeline, frames):
    for parameter in pipeline.ensemble.members[0].segmenter.parameters():
        torch.nn.init.constant_(parameter, math.nan)
    with pytest.raises(NerveCegError, match="NaN"):
        score(pipeline, frames[:2])


def test_the_constant_mask_of_training_stands_beside_the_score(pipeline, mixed_frames):
    without = score(pipeline, mixed_frames).report
    assert math.isnan(without.row("constant mask, oracle gate").dice.value)
    pipeline.constant_mask = torch.ones(1, 1, 21, 29, dtype=torch.bool)
    row = score(pipeline, mixed_frames).report.row("constant mask, oracle gate")
    truths = [read_mask(frame, (420, 580)) for frame in mixed_frames]
    everywhere = [kaggle_dice(np.ones_like(t) & t.any(), t) for t in truths]
    assert row.dice.value == pytest.approx(np.mean(everywhere))


def test_the_report_of_an_evaluation_is_strict_json_with_the_facts(pipeline, frames):
    report = score(pipeline, frames[:6], facts={"split": "test"}, spacing_mm=0.1).report
    content = json.loads(report.to_json())
    assert content["facts"] == {"split": "test"}
    assert content["frames"] == 6


def test_groups_of_a_table_are_broken_down(pipeline, frames):
    grouped = [f._replace(groups={"device": "AB"[k % 2]}) for k, f in enumerate(frames[:6])]
    by_device = score(pipeline, grouped).report.by_group["device"]
    assert [part.frames for part in by_device] == [3, 3]


def test_a_frame_that_was_trained_on_is_not_scored(pipeline, frames):
    pipeline.trained_on = frozenset({digest_of(frames[1].image)})
    with pytest.raises(NerveCegError, match=f"frame {frames[1].id} was trained on"):
        evaluate(pipeline, frames[:3], progress=False)
