"""A subject's frames come from its number and seed alone, in the order of the sweep."""

from itertools import islice

import numpy as np

from nerveceg.data.phantom import Protocol, Subject


def test_the_same_number_and_seed_give_the_same_frames():
    one, other = (next(Subject(7, seed=3).frames()) for _ in range(2))
    assert one.shot == other.shot
    assert np.array_equal(one.image, other.image)
    assert np.array_equal(one.mask, other.mask)


def test_frames_need_no_disk_and_come_in_the_order_of_the_sweep():
    frames = list(Subject(2, protocol=Protocol(frames=5)).frames())
    steps = [frame.shot.pose.step for frame in frames]
    assert steps == sorted(steps)
    assert {frame.image.shape for frame in frames} == {(420, 580)}
    assert {frame.image.dtype for frame in frames} == {np.dtype(np.uint8)}


def test_numbers_hide_the_sweep_only_when_shuffled():
    order = {
        shuffled: [
            shot.img for shot in Subject(4, protocol=Protocol(frames=40, shuffled=shuffled)).shots
        ]
        for shuffled in (True, False)
    }
    assert order[False] == list(range(1, 41))
    assert order[True] != order[False]
    assert sorted(order[True]) == order[False]


def test_a_mask_is_drawn_exactly_where_the_label_says_present():
    subject = Subject(3, protocol=Protocol(frames=60))
    assert [subject.mask(shot).any() for shot in subject.shots] == [
        shot.present for shot in subject.shots
    ]


def test_label_noise_leaves_the_pictures_as_they_are():
    quiet, noisy = (
        next(Subject(6, protocol=Protocol(label_noise=noise)).frames()) for noise in (0.0, 4.0)
    )
    assert np.array_equal(quiet.image, noisy.image)
    assert quiet.shot.pose == noisy.shot.pose


def test_neighbours_in_the_sweep_look_more_alike_than_its_ends():
    sweep = islice(Subject(8, protocol=Protocol(frames=120)).frames(), 56)
    frames = [frame.image.ravel() for frame in sweep]
    near = [np.corrcoef(frames[n], frames[n + 1])[0, 1] for n in range(16)]
    far = [np.corrcoef(frames[n], frames[n + 40])[0, 1] for n in range(16)]
    assert np.mean(near) > 0.6
    assert np.mean(near) > np.mean(far) + 0.2


def test_shares_of_twins_plant_a_hundred_contradictory_pairs_half_of_them_near():
    protocol = Protocol(frames=12, exact_twins=0.12, near_twins=0.12)
    shots = [s for number in range(1, 121) for s in Subject(number, protocol=protocol).shots]
    exact, near = (sum(shot.twin == kind for shot in shots) for kind in ("exact", "near"))
    assert exact > 50
    assert near > 50
    assert abs(exact - near) < 0.25 * (exact + near)
