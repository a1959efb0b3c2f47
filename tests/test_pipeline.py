import math
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from nerveceg.calibration import Calibration, Correction, Fusion
from nerveceg.data.filters import Diffusion
from nerveceg.data.images import read_image, read_mask
from nerveceg.decision import Rule, decide
from nerveceg.errors import NerveCegError
from nerveceg.evaluation.evaluate import evaluate
from nerveceg.models.member import Member
from nerveceg.pipeline import Pipeline
from nerveceg.postprocess import fit_shape_prior
from nerveceg.probability.maps import Beta, Platt
from nerveceg.probability.misses import MissCurve
from nerveceg.runtime import Runtime
from nerveceg.views import PLAIN, View


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
    pipeline.filter = Diffusion(iterations=2)
    pipeline.save_pretrained(tmp_path / "run")
    shutil.move(tmp_path / "run", tmp_path / "moved")
    loaded = Pipeline.from_pretrained(tmp_path / "moved")
    network_input = pipeline.network_input(images)
    assert torch.equal(loaded.network_input(images), network_input)
    first, second = (p.ensemble.look(network_input) for p in (pipeline, loaded))
    assert torch.equal(first.presence_logits, second.presence_logits)
    assert torch.equal(first.mask_logits(), second.mask_logits())
    for name in ("geometry", "filter", "calibration", "rule", "trained_on"):
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


def test_predicting_and_evaluating_give_the_same_masks(pipeline, mixed_frames):
    seen = []
    evaluate(
        pipeline.use(Runtime(device="cpu", batch_size=3)),
        mixed_frames,
        watch=lambda reading, prediction: seen.append((reading.frame, prediction)),
        resamples=10,
        progress=False,
    )
    assert [frame for frame, _ in seen] == mixed_frames
    assert_same(
        [prediction for _, prediction in seen], [pipeline.predict(f.image) for f in mixed_frames]
    )


def test_the_mask_is_the_decision_on_restored_probabilities(pipeline, images):
    network_input = pipeline.network_input(images)
    native = pipeline.geometry.restore(pipeline.look(network_input).probability(), images[0].shape)
    expected = decide(pipeline.look(network_input).presence.value, native, pipeline.rule)[
        :, 0
    ].numpy()
    assert np.array_equal(np.stack(masks_of(pipeline.predict_batch(images))), expected)


@pytest.mark.parametrize(("bias", "drawn"), [(6.0, True), (-6.0, False)])
def test_a_classifier_that_says_nerve_opens_the_gate_and_never_the_other_way(
    pipeline, images, bias, drawn
):
    classifier = pipeline.ensemble.members[0].classifier
    head = [p for p in classifier.network.parameters() if p.shape == (1,)][-1]
    torch.nn.init.constant_(head, bias)
    pipeline.calibration = Calibration()
    pipeline.rule = Rule(mask=pipeline.rule.mask, postprocess=())
    probability = pipeline.look(pipeline.network_input(images)).probability()
    native = pipeline.geometry.restore(probability, images[0].shape)
    wanted = (native >= pipeline.rule.mask)[:, 0].numpy() & drawn
    predictions = pipeline.predict_batch(images)
    assert all((prediction.presence > 0.9) == drawn for prediction in predictions)
    assert np.array_equal(np.stack(masks_of(predictions)), wanted)
    assert wanted.any() == drawn


def test_the_pipeline_learns_nothing_from_what_it_predicts(pipeline, images):
    (member,) = pipeline.ensemble.members
    before = {k: v.clone() for k, v in member.state_dict().items()}
    again = Pipeline([member.train()], geometry=pipeline.geometry)
    again.predict_batch(images)
    assert all(torch.equal(v, before[k]) for k, v in member.state_dict().items())


def test_bfloat16_changes_roundings_alone(pipeline, images):
    logit = pipeline.ensemble.look(pipeline.network_input(images)).presence_logits[0, 0]
    pipeline.calibration = Calibration()
    pipeline.use(Runtime(device="cpu", precision="bfloat16"))
    network_input = pipeline.network_input(images)
    half, probability = (
        pipeline.look(network_input).presence.value,
        pipeline.look(network_input).probability(),
    )
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


JOINT = {"presence": None, "mask": None}
VIEWS = (View(), View(mirrored=True), View(scale=0.9, gamma=0.8))
FUSION = Fusion(presence=1.0, dice=0.5, intercept=0.3, map=Platt(slope=0.9, intercept=0.1))


def calibrate(pipeline, images, *, fusion=None):
    """A full calibration: presences spread over (0, 1), pixels of every certainty."""
    network_input = pipeline.network_input(images)
    logits = pipeline.ensemble.look(network_input).presence_logits
    pixels = pipeline.ensemble.look(network_input).mask_logits()
    centre, scale = logits.mean().item(), 2 / logits.mean((0, 1)).std().item()
    pixel_scale = 3 / pixels.std().item()
    pipeline.rule = Rule()
    pipeline.calibration = Calibration(
        presence=Platt(slope=scale, intercept=-scale * centre),
        pixel=Platt(slope=pixel_scale, intercept=-pixel_scale * pixels.quantile(0.8).item()),
        contour=Correction(slope=0.9, intercept=0.03),
        fusion=fusion,
        prevalence=0.4,
    )
    gate = pipeline.look(network_input).presence.value
    presence = pipeline.operation.after_mask(gate, torch.full_like(gate, 0.98)).numpy()
    misses = MissCurve.of(presence, np.arange(len(presence)).astype(str))
    pipeline.calibration = replace(pipeline.calibration, misses=misses)
    return pipeline


@pytest.fixture
def ensemble(make_classifier, make_segmenter, geometry, images):
    """Two members, three views and a full calibration."""
    members = [Member(make_classifier(seed), make_segmenter(seed)) for seed in (0, 1)]
    pipeline = calibrate(Pipeline(members, geometry=geometry, views=VIEWS), images[:8])
    pipeline.rule = Rule(**JOINT)
    return pipeline


def test_a_saved_ensemble_comes_back_with_equal_predictions(ensemble, images, tmp_path):
    ensemble.calibration = replace(
        ensemble.calibration, presence=Beta(a=1.4, b=0.8, c=0.2), fusion=FUSION
    )
    ensemble.rule = Rule(**JOINT, prevalence=0.3, miss_rate=0.5, refer=0.2)
    ensemble.trained_on = frozenset({"aa", "bb"})
    ensemble.save_pretrained(tmp_path / "run")
    shutil.move(tmp_path / "run", tmp_path / "moved")
    loaded = Pipeline.from_pretrained(str(tmp_path / "moved"))
    assert len(loaded.ensemble.members) == 2
    assert loaded.ensemble.views == VIEWS
    for name in ("geometry", "calibration", "rule", "trained_on"):
        assert getattr(loaded, name) == getattr(ensemble, name)
    pairs = zip(*(p.predict_batch(images[:8]) for p in (ensemble, loaded)), strict=True)
    for one, other in pairs:
        assert (one.presence, one.expected, one.spread) == (
            other.presence,
            other.expected,
            other.spread,
        )
        assert np.array_equal(one.mask, other.mask)


def test_an_ensemble_lies_in_a_folder_for_each_member(ensemble, tmp_path):
    ensemble.save_pretrained(tmp_path)
    found = sorted(str(p.parent.relative_to(tmp_path)) for p in tmp_path.rglob("*.safetensors"))
    assert found == ["fold_0/cls", "fold_0/seg", "fold_1/cls", "fold_1/seg"]


def shape_priors(seeds):
    random = np.random.default_rng(seeds)
    masks = random.random((seeds, 30, 40, 50)) < np.hanning(50)
    return tuple(fit_shape_prior(each, grid=(10, 12)) for each in masks)


def test_an_ensemble_keeps_its_members_shape_priors(ensemble, images, small_frames, tmp_path):
    ensemble.ensemble.views = PLAIN
    ensemble.shape_priors = shape_priors(2)
    ensemble.rule = Rule(**JOINT, postprocess=("largest_component", "shape_prior"))
    ensemble.save_pretrained(tmp_path)
    loaded = Pipeline.from_pretrained(tmp_path)
    for one, other in zip(loaded.shape_priors, ensemble.shape_priors, strict=True):
        assert np.array_equal(one.mean, other.mean)
        assert np.array_equal(one.components, other.components)
    predictions = assert_both_ways_agree(loaded, small_frames[:4])
    assert any(prediction.mask.any() for prediction in predictions)
    (tmp_path / "fold_1/seg/shape_prior.safetensors").unlink()
    with pytest.raises(NerveCegError, match="there is none"):
        Pipeline.from_pretrained(tmp_path).predict(images[0])


@pytest.mark.parametrize("which", ["fold_0/seg", "fold_1/cls"])
def test_a_changed_weight_of_any_member_is_refused(ensemble, tmp_path, which):
    ensemble.save_pretrained(tmp_path)
    path = tmp_path / which / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\x7f")
    with pytest.raises(NerveCegError, match="sha256") as caught:
        Pipeline.from_pretrained(tmp_path)
    assert which in str(caught.value)


RULES = {
    "joint": JOINT,
    "joint elsewhere": {**JOINT, "prevalence": 0.6},
    "miss rate": {**JOINT, "miss_rate": 0.4},
    "plain": {"presence": 0.5, "mask": 0.5, "area": 20},
    "blurred": {"presence": 0.5, "mask": 0.5, "blur": 11},
    "mixture": {"presence": 1.0, "mask": 0.5, "mixture_area": 2000},
}


@pytest.fixture(scope="module")
def small_frames(frames, tmp_path_factory):
    """Every fourth pixel of ten frames and of their truth: quick to count."""
    folder, small = tmp_path_factory.mktemp("small"), []
    for frame in frames[:10]:
        image = read_image(frame.image)
        mask = read_mask(frame, image.shape)
        paths = folder / f"{frame.id}.png", folder / f"{frame.id}_mask.png"
        Image.fromarray(image[::4, ::4]).save(paths[0])
        Image.fromarray(mask[::4, ::4].astype(np.uint8) * np.uint8(255)).save(paths[1])
        small.append(frame._replace(image=paths[0], mask=paths[1]))
    return small


def watched(pipeline, frames):
    seen = []
    evaluation = evaluate(
        pipeline.use(Runtime(device="cpu", batch_size=5)),
        frames,
        watch=lambda _, prediction: seen.append(prediction),
        resamples=10,
        progress=False,
    )
    return evaluation, seen


def assert_both_ways_agree(pipeline, frames):
    """Predicting and evaluating; returns the predictions."""
    evaluation, seen = watched(pipeline, frames)
    predictions = pipeline.predict_batch([read_image(frame.image) for frame in frames])
    assert_same(predictions, seen)
    for one, other in zip(predictions, seen, strict=True):
        assert one.expected == pytest.approx(other.expected, abs=1e-4)
        assert one.spread == pytest.approx(other.spread, abs=1e-4)
    results = evaluation.report.results
    assert results.expected.tolist() == pytest.approx([p.expected for p in seen])
    assert results.final.area.tolist() == [int(p.mask.sum()) for p in seen]
    return predictions


@pytest.mark.parametrize("rule", RULES)
def test_predicting_and_evaluating_agree_under_every_rule(pipeline, images, small_frames, rule):
    pipeline.ensemble.views = VIEWS
    calibrate(pipeline, images[:8]).rule = Rule(**RULES[rule])
    predictions = assert_both_ways_agree(pipeline, small_frames)
    drawn = sum(prediction.mask.any() for prediction in predictions)
    assert 0 < drawn < len(predictions)


@pytest.mark.parametrize(("rule", "fusion"), [("joint", None), ("miss rate", FUSION)])
def test_an_ensemble_predicts_as_it_evaluates(ensemble, images, small_frames, rule, fusion):
    calibrate(ensemble, images[:8], fusion=fusion)
    ensemble.rule = Rule(**RULES[rule])
    predictions = assert_both_ways_agree(ensemble, small_frames)
    assert all(prediction.spread > 0 for prediction in predictions)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("fusion", [None, FUSION], ids=["gate alone", "fused"])
def test_only_frames_that_may_pass_reach_the_segmenter_and_no_mask_is_lost(
    pipeline, images, rule, fusion
):
    images = images[:8]
    calibrate(pipeline, images, fusion=fusion)
    pipeline.rule = Rule(**RULES[rule])
    network_input, point = pipeline.network_input(images), pipeline.operation
    gate = pipeline.look(network_input).presence.value
    native = pipeline.geometry.restore(pipeline.look(network_input).probability(), images[0].shape)
    everywhere = point.decide(gate, native)
    fused = point.after_mask(gate, everywhere.dice)
    all_asked = decide(fused, native, point.gate_rule, pipeline.calibration.contour)[:, 0].numpy()
    reached = []
    (member,) = pipeline.ensemble.members
    hook = member.segmenter.register_forward_hook(
        lambda _, inputs, __: reached.append(len(inputs[0]))
    )
    predictions = pipeline.predict_batch(images)
    hook.remove()
    assert sum(reached) == int(point.may_pass(gate).sum()) < len(images)
    for prediction, mask, score in zip(predictions, all_asked, everywhere.score, strict=True):
        assert np.count_nonzero(prediction.mask != mask) <= 5
        assert prediction.expected == pytest.approx(score.item(), abs=1e-4)


def test_no_open_gate_runs_no_segmenter(pipeline, images):
    pipeline.rule = Rule(presence=1.0)
    (member,) = pipeline.ensemble.members
    reached = []
    member.segmenter.register_forward_hook(lambda *_: reached.append(1))
    assert not any(mask.any() for mask in masks_of(pipeline.predict_batch(images)))
    assert reached == []


def test_the_expected_score_is_presence_times_dice_or_absence(pipeline, images):
    calibrate(pipeline, images).rule = Rule(**JOINT, postprocess=())
    network_input = pipeline.network_input(images)
    native = pipeline.geometry.restore(pipeline.look(network_input).probability(), images[0].shape)
    drawn = 0
    for prediction, pixels in zip(pipeline.predict_batch(images), native, strict=True):
        ordered = np.sort(pixels.flatten().double().numpy())[::-1]
        scores = 2 * ordered.cumsum() / (np.arange(1, len(ordered) + 1) + ordered.sum())
        dice = min(max(0.9 * scores.max() + 0.03, 0.05), 0.98)
        wanted = max(1 - prediction.presence, prediction.presence * dice)
        assert prediction.expected == pytest.approx(wanted, abs=2e-4)
        assert prediction.mask.any() == (prediction.presence * dice > 1 - prediction.presence)
        drawn += prediction.mask.any()
    assert 0 < drawn < len(images)


@pytest.mark.parametrize("stage", ["classifier", "segmenter"])
def test_networks_that_give_no_numbers_are_refused_and_not_taken_for_empty(pipeline, images, stage):
    (member,) = pipeline.ensemble.members
    pipeline.rule = Rule(presence=0.0)
    for parameter in getattr(member, stage).parameters():
        torch.nn.init.constant_(parameter, math.nan)
    with pytest.raises(NerveCegError, match="NaN") as caught:
        pipeline.predict_batch(images[:3])
    said = "presence" if stage == "classifier" else "mask probability"
    assert f"frame 1 of the batch has a NaN {said}" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_nan_of_one_frame_names_that_frame(pipeline, images):
    (member,) = pipeline.ensemble.members
    pipeline.rule = Rule(presence=0.0)

    def spoil(_, __, output):
        output = output.clone()
        output[2] = math.nan
        return output

    hook = member.classifier.register_forward_hook(spoil)
    with pytest.raises(NerveCegError, match="frame 3 of the batch"):
        pipeline.predict_batch(images[:3])
    hook.remove()
    member.segmenter.register_forward_hook(spoil)
    with pytest.raises(NerveCegError, match="frame 3 of the batch"):
        pipeline.predict_batch(images[:3])


@pytest.mark.parametrize("rule", [JOINT, {"mask": 0.4}], ids=["joint", "plain"])
def test_without_a_gate_every_frame_is_drawn_and_no_number_is_lost(
    make_segmenter, geometry, small_frames, rule, tmp_path
):
    pipeline = Pipeline(
        [Member(None, make_segmenter(0))], geometry=geometry, views=VIEWS[:2], rule=Rule(**rule)
    )
    pipeline.save_pretrained(tmp_path)
    assert not (tmp_path / "cls").exists()
    for one in (pipeline, Pipeline.from_pretrained(tmp_path)):
        for prediction in assert_both_ways_agree(one, small_frames):
            assert prediction.presence == 1.0
            assert prediction.spread == 0.0
            assert 0 <= prediction.expected <= 1
            assert prediction.mask.any()
    results = watched(pipeline, small_frames)[0].report.results
    for name in ("presence", "expected", "spread"):
        assert np.isfinite(getattr(results, name)).all(), name
    assert results.passed.all()


def test_an_ensemble_in_bfloat16_changes_roundings_alone(ensemble, images):
    exact = ensemble.predict_batch(images[:8])
    ensemble.use(Runtime(device="cpu", precision="bfloat16"))
    for one, other in zip(exact, ensemble.predict_batch(images[:8]), strict=True):
        assert one.presence == pytest.approx(other.presence, abs=0.15)
        assert one.spread == pytest.approx(other.spread, abs=0.15)
        assert math.isfinite(other.expected)
