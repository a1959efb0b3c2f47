import numpy as np
import pytest
import torch
from scipy import ndimage

from nerveceg.decision import Rule, decide, draw
from nerveceg.errors import DataError, NerveCegError
from nerveceg.evaluation.counts import Counts, count_mask, dice
from nerveceg.evaluation.tally import HELD_OUT, OUT_OF_FOLD, Tally, TallyBuilder


def clean_one(mask):
    labels, count = ndimage.label(mask, structure=np.ones((3, 3)))
    areas = np.bincount(labels.ravel())[1:]
    largest = labels == areas.argmax() + 1 if count else mask
    return ndimage.binary_fill_holes(largest)


def clean(masks):
    done = [clean_one(mask) for mask in masks[:, 0].numpy()]
    return torch.from_numpy(np.stack(done))[:, None]


def tally_of(scans, *, batch: int = 240, order=None, **options) -> Tally:
    builder = TallyBuilder(**options)
    places = torch.arange(240) if order is None else order
    for part in places.split(batch):
        builder.add(
            [scans.ids[k] for k in part],
            [scans.subjects[k] for k in part],
            presence=scans.presence[part],
            probability=scans.probability[part],
            truth=scans.truth[part],
        )
    return builder.finish()


@pytest.fixture(scope="module")
def tally(scans) -> Tally:
    return tally_of(scans, clean=clean)


def score_directly(scans, rule: Rule) -> np.ndarray:
    masks = decide(scans.presence, scans.probability, rule)
    counts = Counts(*(count.numpy() for count in count_mask(masks, scans.truth)))
    return dice(counts, scans.truth.sum((1, 2, 3)).numpy())


@pytest.mark.parametrize("presence", [0.0, 0.3, 0.56, 1.0])
@pytest.mark.parametrize("mask", [0.01, 0.07, 0.5, 0.95, 0.99])
def test_the_score_of_a_plain_rule_equals_that_of_its_masks(scans, tally, presence, mask):
    wanted = score_directly(scans, Rule(presence=presence, mask=mask, postprocess=()))
    assert np.array_equal(tally.score(presence, mask), wanted)


@pytest.mark.parametrize("mask", [0.05, 0.5, 0.95])
def test_the_score_of_cleaned_masks_equals_that_of_the_rule(scans, tally, mask):
    wanted = score_directly(scans, Rule(presence=0.56, mask=mask))
    assert np.array_equal(tally.score(0.56, mask, cleaned=True), wanted)


def test_cleaning_inside_each_box_counts_the_same(scans, tally):
    boxed = tally_of(scans, clean=clean, inside=True)
    assert np.array_equal(boxed.clean_hits, tally.clean_hits)
    assert np.array_equal(boxed.clean_area, tally.clean_area)


@pytest.fixture(scope="module")
def with_best(scans) -> Tally:
    """A tally of two batches with the best masks, whose expected Dice is corrected."""
    builder = TallyBuilder(clean=clean, origin=OUT_OF_FOLD)
    for part in torch.arange(240).split(150):
        builder.add(
            [scans.ids[k] for k in part],
            [scans.subjects[k] for k in part],
            presence=scans.presence[part],
            probability=scans.probability[part],
            truth=scans.truth[part],
            best=draw(scans.probability[part], JOINT, correct),
        )
    return builder.finish()


JOINT = Rule(presence=None, mask=None)


def correct(expected):
    return (0.8 * expected + 0.1).clamp(0.05, 0.98)


@pytest.mark.parametrize("presence", [None, 0.0, 0.56])
@pytest.mark.parametrize("mask", [None, 0.5, 0.95])
@pytest.mark.parametrize("area", [0, 150])
def test_the_score_of_a_joint_rule_equals_that_of_its_masks(scans, with_best, presence, mask, area):
    rule = Rule(presence=presence, mask=mask, area=area)
    masks = decide(scans.presence, scans.probability, rule, correct)
    counts = Counts(*(count.numpy() for count in count_mask(masks, scans.truth)))
    wanted = dice(counts, scans.truth.sum((1, 2, 3)).numpy())
    scored = with_best.score(presence, mask, cleaned=True, minimum_area=area)
    assert np.array_equal(scored, wanted)


def test_the_joint_gate_opens_where_a_mask_is_worth_more_than_none(scans, with_best):
    expected = correct(draw(scans.probability, JOINT).expected)
    assert np.array_equal(with_best.expected, expected.numpy())
    worth = scans.presence * expected > 1 - scans.presence
    assert np.array_equal(with_best.passed(None), worth.numpy())
    assert 0 < worth.float().mean() < 1


def test_a_tally_without_best_masks_cannot_score_the_joint_rule(tally):
    for thresholds in ((None, 0.5), (0.5, None), (None, None)):
        with pytest.raises(NerveCegError, match="no best masks") as caught:
            tally.score(*thresholds)
        assert "\n" not in str(caught.value)


def test_chosen_frames_keep_their_rows_and_origin(with_best):
    chosen = np.arange(240) % 3 == 0
    for frames in (chosen, np.flatnonzero(chosen)):
        part = with_best.choose(frames)
        assert list(part.ids) == list(with_best.ids[chosen])
        assert np.array_equal(part.score(None, None), with_best.score(None, None)[chosen])
        assert str(part.origin) == OUT_OF_FOLD


def test_a_tally_with_best_masks_is_loaded_equal_with_its_origin(with_best, tally, tmp_path):
    with_best.save(tmp_path / "tally.npz")
    loaded = Tally.load(tmp_path / "tally.npz")
    for name in with_best.__dataclass_fields__:
        assert np.array_equal(getattr(loaded, name), getattr(with_best, name)), name
    assert str(loaded.origin) == OUT_OF_FOLD
    assert str(tally.origin) == HELD_OUT


@pytest.mark.parametrize("step", [89, 97, 101])
def test_no_damage_to_the_file_shows_another_error(with_best, step, tmp_path):
    path = tmp_path / "tally.npz"
    with_best.choose(np.arange(20)).save(path)
    whole = path.read_bytes()
    refused = 0
    for place in range(0, len(whole), step):
        content = bytearray(whole)
        content[place] ^= 0xFF
        path.write_bytes(content)
        try:
            Tally.load(path)
        except DataError:
            refused += 1
    assert refused > 10


def test_a_minimum_area_counts_as_in_the_rule(scans, tally):
    wanted = score_directly(scans, Rule(presence=0.3, mask=0.5, area=150, postprocess=()))
    assert np.array_equal(tally.score(0.3, 0.5, minimum_area=150), wanted)
    assert not np.array_equal(tally.score(0.3, 0.5), wanted)


def test_a_presence_at_the_threshold_is_stopped_as_in_the_rule(scans, tally):
    threshold = float(scans.presence[0])
    wanted = score_directly(scans, Rule(presence=threshold, mask=0.5, postprocess=()))
    assert np.array_equal(tally.score(threshold, 0.5), wanted)


@pytest.mark.parametrize(
    ("threshold", "cleaned", "nearest"),
    [
        (0.333, False, "0.33 or 0.34"),
        (0.001, False, "0.01 or 0.02"),
        (1.0, False, "0.98 or 0.99"),
        (0.52, True, "0.50 or 0.55"),
    ],
)
def test_a_threshold_between_two_tallied_ones_is_refused(tally, threshold, cleaned, nearest):
    with pytest.raises(NerveCegError, match=f"mask threshold {threshold} isn't .* {nearest}"):
        tally.score(0.5, threshold, cleaned=cleaned)


def test_cleaned_scores_need_cleaned_counts(scans):
    with pytest.raises(NerveCegError, match="no counts of cleaned masks"):
        tally_of(scans).score(0.5, 0.5, cleaned=True)


@pytest.mark.parametrize("batch", [1, 7])
def test_order_and_batches_do_not_matter(scans, tally, batch):
    order = torch.randperm(240, generator=torch.Generator().manual_seed(batch))
    shuffled = tally_of(scans, batch=batch, order=order, clean=clean)
    for name in ("ids", "subjects", "presence", "truth_area", "hits", "area", "clean_area"):
        assert np.array_equal(getattr(shuffled, name), getattr(tally, name)[order]), name


def test_a_frame_costs_at_most_two_kilobytes(tally):
    columns = (tally.presence, tally.truth_area, tally.hits, tally.area)
    size = sum(column.nbytes for column in (*columns, tally.clean_hits, tally.clean_area))
    assert size / 240 < 2048
    assert tally.hits.dtype == tally.clean_area.dtype == np.int32


def test_a_saved_tally_is_loaded_equal(tally, tmp_path):
    tally.save(tmp_path / "new" / "tally.npz")
    loaded = Tally.load(tmp_path / "new" / "tally.npz")
    for name in tally.__dataclass_fields__:
        saved, read = getattr(tally, name), getattr(loaded, name)
        assert saved.dtype == read.dtype
        assert np.array_equal(saved, read, equal_nan=saved.dtype.kind == "f")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["tally.npz"]


def test_a_tally_of_an_earlier_version_was_not_blurred(tally, tmp_path):
    columns = {name: value for name, value in vars(tally).items() if name != "blur"}
    np.savez(tmp_path / "tally.npz", **columns)
    assert int(Tally.load(tmp_path / "tally.npz").blur) == 0


def test_a_file_that_is_no_tally_is_named(tmp_path):
    path = tmp_path / "tally.npz"
    with pytest.raises(DataError, match="tally.npz is no tally"):
        Tally.load(path)
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(DataError, match="tally.npz is no tally"):
        Tally.load(path)
    np.savez(path, ids=np.array(["a"]))
    with pytest.raises(DataError, match="tally.npz is no tally"):
        Tally.load(path)
    np.savez(path, ids=np.array([object()]))
    with pytest.raises(DataError, match="tally.npz is no tally"):
        Tally.load(path)


@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
def test_a_map_with_nan_is_refused_by_the_name_of_its_frame(broken):
    builder = TallyBuilder()
    probability = torch.full((2, 1, 8, 8), 0.5)
    probability[1, 0, 3, 3] = broken
    truth = torch.zeros(2, 1, 8, 8, dtype=torch.bool)
    builder.add(
        ["a", "b"], ["s", "s"], presence=torch.rand(2), probability=probability, truth=truth
    )
    with pytest.raises(NerveCegError, match="frame b has a NaN .*1 of 2"):
        builder.finish()


def test_a_presence_of_nan_is_refused_by_the_name_of_its_frame():
    builder = TallyBuilder()
    truth = torch.zeros(1, 1, 8, 8, dtype=torch.bool)
    presence = torch.tensor([float("nan")])
    builder.add(["a"], ["s"], presence=presence, probability=torch.rand(1, 1, 8, 8), truth=truth)
    with pytest.raises(NerveCegError, match="frame a has a NaN"):
        builder.finish()


def test_no_frame_is_refused():
    with pytest.raises(NerveCegError, match="no frame was tallied"):
        TallyBuilder().finish()
