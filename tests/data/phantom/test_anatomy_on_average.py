"""Poses, masks and presence of many subjects beside the measured figures; nothing is rendered."""

from itertools import pairwise

import numpy as np
import pytest

from nerveceg.data.phantom import Protocol, Subject
from nerveceg.data.phantom.measures import measured_targets, pair_dice, region

pytestmark = pytest.mark.slow
SUBJECTS = 480
MASKS_A_SUBJECT = 6
TARGETS = measured_targets()


def kaggle_like(number, **protocol):
    return Subject(number, protocol=Protocol(frames=120, exact_twins=0, near_twins=0, **protocol))


@pytest.fixture(scope="module")
def subjects():
    return [kaggle_like(number) for number in range(1, SUBJECTS + 1)]


@pytest.fixture(scope="module")
def masks(subjects):
    """Masks of each subject, spread over the sweep."""
    drawn = []
    for subject in subjects:
        present = [shot for shot in subject.shots if shot.present]
        every = max(len(present) // MASKS_A_SUBJECT, 1)
        drawn.append([subject.mask(shot) for shot in present[::every]])
    return drawn


@pytest.fixture(scope="module")
def regions(masks):
    return np.array([region(mask) for own in masks for mask in own])


@pytest.mark.parametrize(
    ("place", "name"), list(enumerate(["area", "row", "column", "major", "minor", "tilt"]))
)
def test_masks_have_the_measured_means_and_spreads(regions, place, name):
    target = TARGETS["mask"][name]
    assert regions[:, place].mean() == pytest.approx(target["mean"], rel=0.1)
    assert regions[:, place].std() == pytest.approx(target["sd"], rel=0.1)


def test_mask_areas_have_the_measured_quantiles(regions):
    target = TARGETS["mask"]["area_quantiles"]
    areas = np.percentile(regions[:, 0], target["at_percent"])
    assert areas == pytest.approx(target["value"], rel=0.1)


def test_two_masks_of_one_subject_overlap_as_measured(masks):
    dice = [pair_dice([mask[::3, ::3] for mask in own]) for own in masks if len(own) > 1]
    target = TARGETS["mask"]["pair_dice_within_subject"]
    assert np.mean(dice) == pytest.approx(target["value"], abs=target["tolerance"])


def test_two_masks_of_different_subjects_overlap_as_measured(masks):
    first = [own[0][::3, ::3] for own in masks if own]
    target = TARGETS["mask"]["pair_dice_between_subjects"]["value"]
    assert pair_dice(first) == pytest.approx(target, abs=0.05)


def test_presence_varies_between_subjects_as_measured(subjects):
    shares = [np.mean([shot.present for shot in subject.shots]) for subject in subjects]
    target = TARGETS["presence"]
    assert np.mean(shares) == pytest.approx(target["mean"]["value"], rel=0.1)
    assert np.std(shares) == pytest.approx(target["sd"]["value"], abs=target["sd"]["tolerance"])
    quantiles = np.percentile(shares, target["quantiles"]["at_percent"])
    assert quantiles == pytest.approx(target["quantiles"]["value"], rel=0.1, abs=0.05)


def test_label_noise_flips_as_many_labels_as_it_should(subjects):
    flipped = np.mean([shot.flipped for subject in subjects for shot in subject.shots])
    assert flipped == pytest.approx(0.11, abs=0.015)
    quiet = [kaggle_like(subject.number, label_noise=0.5).shots for subject in subjects[:40]]
    assert np.mean([shot.flipped for shots in quiet for shot in shots]) < 0.06


def test_a_second_drawing_of_the_same_plexus_differs_as_two_readers_do(subjects):
    dice = []
    for subject in subjects[:40]:
        shot = next(shot for shot in subject.shots if shot.present)
        dice.append(pair_dice([subject.mask(shot._replace(img=img)) for img in (1, 2)]))
    assert np.mean(dice) == pytest.approx(TARGETS["mask"]["redrawn_dice"]["value"], abs=0.03)


def test_masks_are_one_piece_without_holes_and_leave_the_border_free(masks):
    from scipy.ndimage import binary_fill_holes, label

    for mask in (own[0] for own in masks[::6] if own):
        border = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
        assert not border.any()
        assert label(mask, np.ones((3, 3)))[1] == 1
        assert np.array_equal(binary_fill_holes(mask), mask)


def test_few_frames_lie_far_apart_in_the_sweep():
    for number in range(1, 30):
        steps = [shot.pose.step for shot in Subject(number, protocol=Protocol(frames=3)).shots]
        assert all(later > earlier for earlier, later in pairwise(sorted(set(steps))))
        assert [step // 40 for step in sorted(set(steps))] == sorted({s // 40 for s in steps})
