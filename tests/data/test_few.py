from pathlib import Path

import numpy as np
import pytest

from nerveceg.data.few import keep_subjects
from nerveceg.data.frames import Frame
from nerveceg.data.presence import presence_of
from nerveceg.data.splits import split_frames
from nerveceg.errors import NerveCegError


def draw_frames(subjects=40, count=6, seed=0):
    """Frames of subjects who show the nerve in very different shares."""
    random = np.random.default_rng(seed)
    shares = random.beta(0.5, 0.7, subjects)
    return [
        Frame(f"{s}_{k}", str(s), Path(f"{s}_{k}.tif"), "5 2" if random.random() < share else "")
        for s, share in enumerate(shares)
        for k in range(count)
    ]


def names(frames):
    return {frame.subject for frame in frames}


@pytest.mark.parametrize("seed", range(3))
def test_fewer_subjects_are_among_more_and_keep_all_their_frames(seed):
    frames = draw_frames()
    kept = [keep_subjects(frames, count, seed=seed) for count in (3, 10, 20, 40)]
    assert [len(names(each)) for each in kept] == [3, 10, 20, 40]
    for fewer, more in zip(kept, kept[1:], strict=False):
        assert names(fewer) < names(more)
    assert [frame for frame in frames if frame.subject in names(kept[1])] == kept[1]
    assert kept[-1] == frames


def test_another_seed_keeps_others_and_the_order_of_frames_does_not_matter():
    frames = draw_frames()
    ten = names(keep_subjects(frames, 10, seed=0))
    assert names(keep_subjects(frames[::-1], 10, seed=0)) == ten
    assert names(keep_subjects(frames, 10, seed=1)) != ten


def test_presence_is_nearer_to_the_whole_than_by_chance():
    frames = draw_frames(subjects=60)
    whole = presence_of(frames).mean()
    far = [
        abs(presence_of(keep_subjects(frames, 10, seed=seed)).mean() - whole) for seed in range(20)
    ]
    by_subject = presence_of(frames).reshape(60, 6).mean(1)
    by_chance = [
        abs(np.random.default_rng(seed).choice(by_subject, 10, replace=False).mean() - whole)
        for seed in range(20)
    ]
    assert np.mean(far) < np.mean(by_chance) / 2


def test_validation_and_held_out_subjects_stay_as_they_are():
    frames = draw_frames()
    whole, some = split_frames(frames), split_frames(frames, train_subjects=10)
    assert (some.validation, some.test) == (whole.validation, whole.test)
    assert len(names(some.train)) == 10
    assert names(some.train) < names(whole.train)


@pytest.mark.parametrize("count", [0, 27])
def test_a_number_of_subjects_that_are_not_there_is_refused(count):
    with pytest.raises(NerveCegError, match=f"train_subjects is {count}: 1 to 26 are wanted"):
        split_frames(draw_frames(), train_subjects=count)


def test_a_split_that_ignores_subjects_can_not_keep_some():
    with pytest.raises(NerveCegError, match="train_subjects is 4 beside random-frames"):
        split_frames(draw_frames(), by="random-frames", train_subjects=4)


def test_subjects_of_one_class_alone_are_refused():
    frames = [Frame(f"{s}_1", str(s), Path(f"{s}.tif"), "5 2" * (s % 2)) for s in range(40)]
    with pytest.raises(NerveCegError, match="has no frames that show.* in train"):
        split_frames(frames, train_subjects=1)
