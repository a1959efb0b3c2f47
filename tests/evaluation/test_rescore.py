from collections import defaultdict

import numpy as np
import pytest
import torch
from PIL import Image

from nerveceg.calibration import Calibration
from nerveceg.data.images import read_image, read_mask
from nerveceg.decision import Rule
from nerveceg.errors import NerveCegError
from nerveceg.evaluation.calibrating import Recipe, calibrate
from nerveceg.evaluation.evaluate import evaluate
from nerveceg.evaluation.gather import Fold, gather
from nerveceg.evaluation.rescore import rescore
from nerveceg.evaluation.tally import OUT_OF_FOLD
from nerveceg.models.member import Member
from nerveceg.pipeline import Pipeline
from nerveceg.postprocess import clean_mask, fit_shape_prior
from nerveceg.probability.maps import Platt

PLAIN = Rule(presence=0.5, mask=0.5)
JOINT = Rule(presence=None, mask=None)


def score(predictions, frames, calibrations, rule, **options):
    options = {"resamples": 50, "progress": False, **options}
    return rescore(predictions, frames, calibrations, rule, **options)


@pytest.fixture(scope="module")
def frames(frames):
    """Twelve of the thirty frames."""
    return frames[:12]


@pytest.fixture(scope="module")
def folds(make_classifier, make_segmenter, geometry, frames):
    """Two untrained networks with the frames of their own, half of which pass the gate."""
    made = {}
    for k in range(2):
        own = [frame for frame in frames if int(frame.subject) % 2 == k]
        made[k] = Fold(
            Pipeline([Member(make_classifier(k), make_segmenter(k))], geometry=geometry), own
        )
        pipeline = made[k].pipeline
        network_input = pipeline.network_input([read_image(frame.image) for frame in own])
        middle = pipeline.ensemble.look(network_input).presence_logits.median().item()
        level = (
            pipeline.ensemble.look(network_input).mask_logits().flatten()[::7].quantile(0.8).item()
        )
        pipeline.calibration = Calibration(
            presence=Platt(slope=500.0, intercept=-500.0 * middle), pixel=Platt(intercept=-level)
        )
        pipeline.constant_mask = torch.rand(1, 1, 21, 29, generator=torch.manual_seed(k)) > 0.6
    return made


@pytest.fixture(scope="module")
def gathered(folds):
    return gather(folds, split={}, progress=False)


@pytest.mark.parametrize("rule", [PLAIN, Rule(presence=0.5, mask=None, area=3000, postprocess=())])
@pytest.mark.parametrize("calibrated", [False, True])
def test_scores_are_those_of_each_folds_own_pipeline(folds, gathered, rule, calibrated):
    wanted = defaultdict(list)
    for fold in folds.values():
        pipeline = Pipeline(
            fold.pipeline.ensemble.members,
            geometry=fold.pipeline.geometry,
            calibration=fold.pipeline.calibration if calibrated else Calibration(),
            rule=rule,
            constant_mask=fold.pipeline.constant_mask,
        )
        results = evaluate(pipeline, fold.frames, resamples=2, progress=False).report.results
        for name in ("ids", "presence", "passed", "truth_area", "expected", "spread"):
            wanted[name].extend(getattr(results, name))
        wanted["dice"].extend(results.dice())
        wanted["constant"].extend(results.constant.area)
    scored = score(
        gathered,
        [frame for fold in folds.values() for frame in fold.frames],
        {k: f.pipeline.calibration if calibrated else Calibration() for k, f in folds.items()},
        rule,
        constants={k: fold.pipeline.constant_mask for k, fold in folds.items()},
    )
    results = scored.report.results
    for name in ("ids", "passed", "truth_area"):
        assert list(getattr(results, name)) == wanted[name], name
    assert list(results.constant.area) == wanted["constant"]
    assert results.presence == pytest.approx(np.array(wanted["presence"]), abs=1e-4)
    assert results.expected == pytest.approx(np.array(wanted["expected"]), abs=0.01)
    assert results.spread == pytest.approx(np.array(wanted["spread"]), abs=1e-4)
    assert np.abs(results.dice() - wanted["dice"]).mean() < 0.005
    assert 0 < results.dice().mean() < 1
    if calibrated:
        assert 0.2 < results.passed.mean() < 0.8


def test_presence_is_exact_and_the_tally_says_where_it_comes_from(folds, gathered, frames):
    tally = score(gathered, frames, dict.fromkeys(folds, Calibration()), PLAIN).tally
    assert np.array_equal(tally.presence, torch.from_numpy(gathered.logits[:, 0]).sigmoid().numpy())
    assert list(tally.ids) == list(gathered.ids)
    assert str(tally.origin) == OUT_OF_FOLD


def test_the_watcher_sees_each_frame_once(folds, gathered, frames):
    seen = []
    identity = dict.fromkeys(folds, Calibration())
    score(gathered, frames, identity, PLAIN, watch=lambda *pair: seen.append(pair))
    assert [reading.frame.id for reading, _ in seen] == list(gathered.ids)
    for reading, prediction in seen:
        assert prediction.mask.shape == reading.image.shape
        assert np.array_equal(reading.truth, read_mask(reading.frame, reading.image.shape))


def test_frames_that_do_not_match_are_refused_by_name(folds, gathered, frames):
    identity = dict.fromkeys(folds, Calibration())
    stranger = frames[0]._replace(id="77_1")
    for listed, name in (
        (frames[1:], frames[0].id),
        ([*frames, stranger], "77_1"),
        ([stranger, *frames[1:]], frames[0].id),
    ):
        with pytest.raises(NerveCegError, match=f"frame {name} isn't in both") as caught:
            score(gathered, listed, identity, PLAIN)
        assert "\n" not in str(caught.value)


def test_a_frame_of_another_size_is_refused(folds, gathered, frames, tmp_path):
    path = tmp_path / "small.png"
    Image.fromarray(read_image(frames[0].image)[::2, ::2]).save(path)
    changed = [frames[0]._replace(image=path, mask=""), *frames[1:]]
    with pytest.raises(NerveCegError, match=f"small.png.*210, 290.*{frames[0].id}.*420, 580"):
        score(gathered, changed, dict.fromkeys(folds, Calibration()), PLAIN)


def blobs(seed):
    random = np.random.default_rng(seed)
    rows, columns = np.ogrid[:42, :58]
    places, axes = random.normal((20, 30), 4, (30, 2)), random.uniform(5, 15, (30, 2))
    pairs = zip(places, axes, strict=True)
    return [((rows - y) / h) ** 2 + ((columns - x) / w) ** 2 < 1 for (y, x), (h, w) in pairs]


def test_each_fold_is_scored_with_its_own_shape_prior(folds, gathered, frames):
    priors = {k: (fit_shape_prior(blobs(seed=k)),) for k in folds}
    calibrations = {k: fold.pipeline.calibration for k, fold in folds.items()}
    masks = {}
    for names in ((), ("shape_prior",)):
        seen = masks[names] = []
        rule = Rule(presence=0.5, mask=0.5, postprocess=names)
        score(
            gathered,
            frames,
            calibrations,
            rule,
            priors=priors,
            cleaned=False,
            watch=lambda _, prediction, seen=seen: seen.append(prediction.mask),
        )
    for fold, plain, imposed in zip(gathered.fold, *masks.values(), strict=True):
        assert np.array_equal(imposed, clean_mask(plain, ["shape_prior"], priors[int(fold)]))
    assert any(mask.any() for mask in masks[()])
    with pytest.raises(NerveCegError, match="there is none"):
        score(gathered, frames, calibrations, rule, priors={0: priors[0], 1: ()})


@pytest.fixture(scope="module")
def law(make_law):
    """400 frames of 100 subjects, whose presence and pixels are distorted."""
    return make_law(100, frames=4, slope=0.6, intercept=-0.4, pixel=0.7, seed=5)


@pytest.fixture(scope="module", params=[pytest.param("gate", marks=pytest.mark.slow), "fused"])
def fitted(law, request):
    return calibrate(law.predictions, Recipe(forms=("platt",), fuse=request.param == "fused"))


@pytest.fixture(scope="module")
def joint(law, fitted):
    return score(law.predictions, law.frames, fitted.by_fold, JOINT)


def test_a_calibrated_pipeline_gets_what_it_expects(joint):
    judged = joint.report.expectation
    assert judged.expected == pytest.approx(judged.realised, abs=0.01)
    assert judged.realised == pytest.approx(joint.report.dice.value)
    assert judged.gap.low < 0 < judged.gap.high
    assert judged.oracle < judged.area < judged.random
    assert joint.report.reliability.slope.value == pytest.approx(1, abs=0.1)
    assert joint.report.reliability.intercept.value == pytest.approx(0, abs=0.1)


@pytest.fixture(scope="module")
def naive(law):
    """The plain rule on presence and pixels as the networks say them."""
    identity = dict.fromkeys(range(3), Calibration())
    return score(law.predictions, law.frames, identity, PLAIN).report


def test_a_pipeline_that_is_not_calibrated_does_not_get_what_it_expects(naive):
    assert abs(naive.expectation.gap.value) > 0.03


@pytest.mark.slow
def test_the_joint_rule_gets_more_than_a_plain_one(law, fitted, joint, naive):
    plain = score(law.predictions, law.frames, fitted.by_fold, PLAIN).report.dice.value
    ours = joint.report.dice.value
    print(f"joint {ours:.4f}, plain {plain:.4f}, uncalibrated {naive.dice.value:.4f}")
    assert ours > plain - 0.002
    assert ours > naive.dice.value


def test_the_joint_rule_comes_near_the_best_that_is_possible(law, joint):
    """The Bayes rule on true probabilities, by sorting, at half the native size."""
    best = []
    for place, (_, truth) in enumerate(law.predictions.maps()):
        p, pi = law.probability[place].ravel(), law.presence[place]
        order = np.argsort(-p)
        scores = 2 * p[order].cumsum() / (np.arange(1, p.size + 1) + p.sum())
        mask = np.zeros(p.size, dtype=bool)
        mask[order[: scores.argmax() + 1]] = pi * scores.max() > 1 - pi
        total = mask.sum() + truth.sum()
        best.append(1 if total == 0 else 2 * (mask & truth.ravel()).sum() / total)
    assert joint.report.dice.value == pytest.approx(np.mean(best), abs=0.01)


def missed(results):
    """The share of nerve frames that the gate stops, as a mean over subjects."""
    nerve = results.nerve
    by_subject = [
        np.mean(~results.passed[nerve & (results.subjects == name)])
        for name in np.unique(results.subjects[nerve])
    ]
    return np.mean(by_subject)


@pytest.mark.slow
def test_a_miss_rate_is_kept_fold_by_fold(law, fitted, joint):
    rule = Rule(presence=None, mask=None, miss_rate=0.1)
    results = score(law.predictions, law.frames, fitted.by_fold, rule).report.results
    for fold, calibration in fitted.by_fold.items():
        own = law.predictions.fold == fold
        least = calibration.misses.threshold(0.1)
        assert np.array_equal(results.passed[own], results.presence[own] >= least)
    assert missed(results) == pytest.approx(0.1, abs=0.03)
    assert missed(joint.report.results) > 0.15


@pytest.mark.slow
def test_a_prevalence_moves_presence_by_its_odds(law, fitted, joint):
    rule = Rule(presence=None, mask=None, prevalence=0.7)
    shifted = score(law.predictions, law.frames, fitted.by_fold, rule).tally
    for fold, calibration in fitted.by_fold.items():
        own = law.predictions.fold == fold
        odds, old = (x / (1 - x) for x in (0.7, calibration.prevalence))
        said = joint.tally.presence[own].astype(np.float64)
        wanted = said / (1 - said) * odds / old
        assert shifted.presence[own] == pytest.approx(wanted / (1 + wanted), abs=1e-5)


def test_a_tally_of_out_of_fold_frames_scores_the_joint_rule_as_it_was_scored(joint):
    dice = joint.tally.score(None, None, cleaned=True)
    assert dice == pytest.approx(joint.report.results.dice(), abs=1e-12)
