import logging
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from nerveceg.data.frames import Frame
from nerveceg.data.presence import is_present, presence_of
from nerveceg.data.splits import Split, check_leak, split_by_subject, split_frames
from nerveceg.errors import DataError, NerveCegError


def frames_of(presence):
    """Frames whose truth is a run-length string: {"subject": [present, ...]}."""
    return [
        Frame(f"{subject}_{k}", subject, Path(f"{subject}_{k}.tif"), "5 2" if present else "")
        for subject, states in presence.items()
        for k, present in enumerate(states, start=1)
    ]


def like_kaggle(subjects=47, count=120, seed=0):
    rng = np.random.default_rng(seed)
    shares = rng.beta(1.48, 2.11, subjects)
    return frames_of(
        {str(s + 1): (rng.random(count) < shares[s]).tolist() for s in range(subjects)}
    )


def subjects_of(frames):
    return {frame.subject for frame in frames}


def test_each_frame_is_held_out_in_one_fold_and_no_subject_is_on_two_sides():
    frames = like_kaggle()
    held_out = Counter()
    for fold in range(5):
        train, held = split_by_subject(frames, fold=fold)
        assert not subjects_of(train) & subjects_of(held)
        assert len(train) + len(held) == len(frames)
        held_out.update(frame.id for frame in held)
    assert held_out == Counter(frame.id for frame in frames)


def worst_imbalance(folds, frames):
    overall = presence_of(frames).mean()
    return max(abs(presence_of(held).mean() - overall) for held in folds)


def test_folds_are_balanced_by_presence_far_better_than_subjects_drawn_at_random():
    ours, drawn = [], []
    for seed in range(5):
        frames = like_kaggle(count=40, seed=seed)
        folds = [split_by_subject(frames, fold=fold)[1] for fold in range(5)]
        assert all(len(held) == pytest.approx(len(frames) / 5, rel=0.25) for held in folds)
        ours.append(worst_imbalance(folds, frames))
        dealt = np.random.default_rng(seed).permutation(47) % 5
        random_folds = [[f for f in frames if dealt[int(f.subject) - 1] == k] for k in range(5)]
        drawn.append(worst_imbalance(random_folds, frames))
    assert max(ours) < 0.08
    assert np.mean(ours) < 0.6 * np.mean(drawn)


@pytest.mark.parametrize("by", ["subject", "nerveceg-36-47", "random-frames"])
def test_a_split_is_the_same_for_any_order_of_the_frames(by):
    frames = like_kaggle(count=12)
    mixed = frames[:]
    random.Random(3).shuffle(mixed)  # noqa: S311
    assert split_frames(mixed, by=by, seed=4) == split_frames(frames, by=by, seed=4)


def test_sides_come_in_natural_order():
    train, held = split_by_subject(like_kaggle(count=12)[::-1], fold=1)
    for side in (train, held):
        places = [tuple(map(int, frame.id.split("_"))) for frame in side]
        assert places == sorted(places)


def test_validation_subjects_are_neither_learned_from_nor_tested_on():
    frames = like_kaggle()
    for fold in range(5):
        split = split_frames(frames, fold=fold)
        assert split.test == split_by_subject(frames, fold=fold)[1]
        train, validation, test = map(subjects_of, split)
        assert train.isdisjoint(validation | test)
        assert validation.isdisjoint(test)
        assert sum(map(len, split)) == len(frames)
        assert len(split.validation) == pytest.approx(
            0.2 * (len(frames) - len(split.test)), rel=0.2
        )


def test_the_named_hold_out_tests_on_subjects_36_to_47():
    split = split_frames(like_kaggle(), by="nerveceg-36-47")
    assert subjects_of(split.test) == {str(subject) for subject in range(36, 48)}
    assert subjects_of(split.train) | subjects_of(split.validation) == set(map(str, range(1, 36)))
    assert not subjects_of(split.train) & subjects_of(split.validation)


def test_random_frames_put_subjects_on_both_sides_and_say_so(caplog):
    frames = like_kaggle(subjects=10, count=20)
    with caplog.at_level(logging.WARNING):
        split = split_frames(frames, by="random-frames")
    assert "subjects are on both sides" in caplog.text
    assert subjects_of(split.train) & subjects_of(split.test)
    assert sorted(frame.id for side in split for frame in side) == sorted(f.id for f in frames)
    with pytest.raises(NerveCegError):
        check_leak(split)


presences = st.dictionaries(
    st.text(alphabet="abc0123", min_size=1, max_size=3),
    st.lists(st.booleans(), min_size=1, max_size=6),
    min_size=2,
    max_size=12,
)


@given(presences, st.integers(2, 5), st.integers(0, 4), st.integers(0, 9))
def test_any_data_set_ends_in_a_sound_split_or_in_one_clear_line(presence, folds, fold, seed):
    frames = frames_of(presence)
    try:
        split = split_frames(frames, fold=fold, folds=folds, seed=seed)
    except NerveCegError as error:
        assert "\n" not in str(error)  # noqa: PT017
        return
    train, validation, test = map(subjects_of, split)
    assert train.isdisjoint(validation | test)
    assert validation.isdisjoint(test)
    assert sorted(frame.id for side in split for frame in side) == sorted(f.id for f in frames)
    for side in split:
        assert set(presence_of(side).tolist()) == {False, True}


def test_a_thousand_random_data_sets_never_leak():
    rng = np.random.default_rng(1)
    split_some = 0
    for seed in range(1000):
        counts = rng.integers(1, 8, rng.integers(3, 12))
        frames = frames_of({str(s): (rng.random(n) < 0.5).tolist() for s, n in enumerate(counts)})
        try:
            train, held = split_by_subject(frames, fold=0, folds=3, seed=seed)
        except NerveCegError:
            continue
        split_some += 1
        assert not subjects_of(train) & subjects_of(held)
        assert len(train) + len(held) == len(frames)
    assert split_some > 800


@pytest.mark.parametrize(("one", "other"), [(0, 1), (0, 2), (1, 2)])
def test_a_leak_is_named_with_the_subject_and_both_sides(one, other):
    sides = [frames_of({str(side): [True, False]}) for side in range(3)]
    check_leak(Split(*sides))
    sides[other] = sides[other] + frames_of({str(one): [True]})
    names = Split._fields
    wanted = f'subject "{one}" is on two sides, {names[one]} and {names[other]}'
    with pytest.raises(NerveCegError, match=wanted):
        check_leak(Split(*sides))


MIXED = [True, False]


@pytest.mark.parametrize(
    ("presence", "settings", "words"),
    [
        ({"1": MIXED, "2": MIXED}, {"fold": 2, "folds": 2}, "fold is 2: 0 to 1 are wanted"),
        ({"1": MIXED, "2": MIXED}, {"fold": -1, "folds": 2}, "fold is -1"),
        ({"1": MIXED, "2": MIXED}, {"folds": 1}, "folds is 1: 2 or more"),
        ({"1": MIXED, "2": MIXED}, {"folds": 3}, "2 subjects for 3 folds"),
        ({"1": MIXED * 3}, {"folds": 2}, "1 subject for 2 folds"),
        ({"": MIXED, "2": MIXED}, {"folds": 2}, "_1.tif has no subject: give data.subject_pattern"),
        ({"1": [True], "2": [True]}, {"folds": 2}, "0 of 2 frames show no nerve"),
        ({"1": [False], "2": [False]}, {"folds": 2}, "0 of 2 frames show the nerve"),
        ({"1": MIXED, "2": [True, True], "3": [True]}, {"folds": 3}, "1 of 5 frames show no nerve"),
        ({"1": [True] * 4, "2": [False] * 4}, {"folds": 2}, "fold 0 of 2 has no frames that show"),
        ({"1": MIXED, "2": MIXED}, {"folds": 2}, "1 subject for 2 folds"),
        ({"1": MIXED, "2": MIXED}, {"by": "patient"}, 'split "patient" is unknown: subject, nerve'),
        ({"1": MIXED, "2": MIXED}, {"validation_share": 0}, "validation_share is 0"),
        ({"1": MIXED, "2": MIXED}, {"validation_share": 0.6}, "at most 0.5 is wanted"),
        ({"1": MIXED, "48": MIXED}, {"by": "nerveceg-36-47"}, 'doesn\'t place subject "48"'),
        ({"1": MIXED, "2": MIXED}, {"by": "nerveceg-36-47"}, "has no frames .* in test"),
        ({"1": MIXED, "36": MIXED}, {"by": "nerveceg-36-47", "fold": 1}, "fold is 1, 0 is wanted"),
    ],
)
def test_what_can_not_be_split_is_refused_with_the_cure(presence, settings, words):
    with pytest.raises(NerveCegError, match=words) as error:
        split_frames(frames_of(presence), **settings)
    assert "\n" not in str(error.value)


def test_unknown_truth_is_refused_by_name():
    frames = frames_of({"1": MIXED, "2": MIXED})
    frames[2] = frames[2]._replace(mask=None)
    with pytest.raises(DataError, match=r"2_1\.tif has no mask"):
        split_by_subject(frames, fold=0, folds=2)


def test_presence_is_that_of_the_mask_file_and_follows_its_changes(tmp_path):
    path = tmp_path / "1_1_mask.png"
    frame = Frame("1_1", "1", tmp_path / "1_1.png", path)
    Image.fromarray(np.zeros((5, 6), np.uint8)).save(path)
    assert not is_present(frame)
    pixels = np.zeros((5, 6), np.uint8)
    pixels[4, 5] = 255
    Image.fromarray(pixels).save(path)
    assert is_present(frame)
    assert presence_of([frame, frame._replace(mask=""), frame._replace(mask="1 1")]).tolist() == [
        True,
        False,
        True,
    ]
    path.unlink()
    with pytest.raises(DataError, match="1_1_mask.png can't be read: No such file"):
        is_present(frame)
