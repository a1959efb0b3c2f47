"""What each policy makes of the labels, against the formula written out."""

import numpy as np
import pytest

from nerveceg.data.conflicts import POLICIES, Audit, Null, Pair, TrainingLabels, training_labels
from nerveceg.data.frames import find_frames
from nerveceg.data.phantom import write_phantom
from nerveceg.data.presence import presence_of
from nerveceg.errors import NerveCegError

NULL = Null(pairs=1000, strangers=0.4, floor=0.3, threshold=0.94)


def pair(frames, first, second, *, ncc, kind):
    names = frames[first].id, frames[second].id
    return Pair(frames[first].subject, *names, ncc, 0.0, 0.0, None, kind, False)


@pytest.fixture(scope="module")
def audited(frames):
    """Six frames, with and without nerve by turns, and a made-up audit of them."""
    chosen = [frame._replace(mask="1 9" if place % 2 else "") for place, frame in enumerate(frames)]
    audit = Audit(
        [
            pair(chosen, 0, 1, ncc=0.99, kind="presence"),
            pair(chosen, 1, 3, ncc=0.97, kind="mask"),
            pair(chosen, 0, 2, ncc=1.0, kind="agrees"),
        ],
        NULL,
    )
    present = np.array([0, 1, 0, 1, 0, 1], np.float32)
    return TrainingLabels(chosen[:6], present, np.ones(6, np.float32)), audit


def test_an_empty_twin_of_a_frame_with_nerve_is_dropped_alone(audited):
    labels, audit = audited
    treated = POLICIES["drop-empty-twin"](labels, audit)
    assert [frame.id for frame in treated.frames] == [f.id for f in labels.frames[1:]]
    assert treated.target.tolist() == [1, 0, 1, 0, 1]
    assert treated.weight.tolist() == [1] * 5


def test_a_soft_label_is_the_mean_over_near_duplicates_weighed_by_likeness(audited):
    labels, audit = audited
    likeness = np.zeros((6, 6))
    for (i, j), ncc in {(0, 1): 0.99, (1, 3): 0.97, (0, 2): 1.0}.items():
        likeness[i, j] = likeness[j, i] = np.exp((ncc - 1) / 0.02)
    present = labels.target
    expected = [
        (present[i] + sum(likeness[i] * present)) / (1 + sum(likeness[i])) for i in range(6)
    ]
    treated = POLICIES["soft-label"](labels, audit)
    assert treated.target == pytest.approx(expected, abs=1e-6)
    assert treated.target.dtype == np.float32
    assert treated.frames == labels.frames
    assert treated.weight.tolist() == [1] * 6


def test_frames_of_a_contradiction_weigh_less_whether_presence_or_mask_differs(audited):
    labels, audit = audited
    treated = POLICIES["weight"](labels, audit)
    assert treated.weight == pytest.approx([0.3, 0.3, 1, 0.3, 1, 1])
    assert treated.target.tolist() == labels.target.tolist()


@pytest.mark.parametrize("policy", POLICIES)
def test_no_policy_touches_the_labels_that_it_was_given(audited, policy):
    labels, audit = audited
    before = [frame.mask for frame in labels.frames], labels.target.copy(), labels.weight.copy()
    treat = POLICIES[policy]
    if treat is not None:
        treat(labels, audit)
    assert [frame.mask for frame in labels.frames] == before[0]
    assert np.array_equal(labels.target, before[1])
    assert np.array_equal(labels.weight, before[2])


def test_keep_is_the_truth_without_a_search(frames):
    own = [frame for frame in frames if frame.subject == "1"]  # a search would refuse them
    labels = training_labels(own, "keep")
    assert labels.frames == own
    assert labels.target.tolist() == presence_of(own).tolist()
    assert (labels.weight == 1).all()


def test_policies_act_on_what_the_search_finds(tmp_path):
    write_phantom(
        tmp_path / "set",
        subjects=4,
        frames_per_subject=6,
        exact_twins=0.5,
        near_twins=0.0,
        progress=False,
    )
    frames = find_frames(tmp_path / "set" / "train")
    present = presence_of(frames)
    treated = {name: training_labels(frames, name, progress=False) for name in POLICIES}
    dropped = {f.id for f in frames} - {f.id for f in treated["drop-empty-twin"].frames}
    lowered = {f.id for f, w in zip(frames, treated["weight"].weight, strict=True) if w < 1}
    softened = {f.id for f, t in zip(frames, treated["soft-label"].target, strict=True) if t % 1}
    assert len(dropped) >= 2
    assert all(not present[place] for place, f in enumerate(frames) if f.id in dropped)
    assert dropped < lowered <= softened
    assert len(lowered) >= 2 * len(dropped)


def test_an_unknown_policy_is_refused_with_the_known_ones(frames):
    with pytest.raises(NerveCegError, match="data.conflicts=drop: any of keep, drop-empty-twin"):
        training_labels(frames, "drop")
