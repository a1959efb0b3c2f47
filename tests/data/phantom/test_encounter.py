import numpy as np
import pytest

from nerveceg.data.phantom.encounter import Encounter
from nerveceg.data.phantom.variety import NERVES, Variety

VARIETY = Variety()


def test_a_person_is_seen_once_with_the_nerve_and_once_without():
    for number in range(2):
        seen, unseen = (Encounter(number, seed=0, variety=VARIETY).view(place) for place in (0, 1))
        assert seen.image.shape == seen.mask.shape == (420, 580)
        assert seen.image.dtype == np.uint8
        assert seen.mask.any()
        assert seen.visibility > 0.5 > unseen.visibility
        assert not unseen.mask.any()
        assert (seen.image != unseen.image).mean() > 0.2


def test_a_view_follows_from_seed_and_number_whatever_was_looked_at_before():
    whole = Encounter(5, seed=1, variety=VARIETY)
    first, second = whole.view(0), whole.view(1)
    alone = Encounter(5, seed=1, variety=VARIETY).view(1)
    np.testing.assert_array_equal(alone.image, second.image)
    other = Encounter(5, seed=2, variety=VARIETY).view(0)
    assert (other.image != first.image).mean() > 0.5


def test_the_nerve_stands_out_from_what_surrounds_it():
    """Bright honeycombs and plexuses alike: the pixels within the mask change with visibility."""
    inside, outside = [], []
    for number in range(4):
        person = Encounter(
            number, seed=3, variety=Variety(anywhere=True, speckled=False, noise=(0, 0))
        )
        seen, mask = person.view(0), person.view(0).mask
        ring = np.roll(mask, 60, axis=1) & ~mask
        inside.append(seen.image[mask].std())
        outside.append(seen.image[ring].std() if ring.any() else 0.0)
    assert np.mean(inside) > 0.8 * np.mean(outside)
    assert np.mean(inside) > 15


def test_people_differ_in_nerve_size_place_and_grey():
    people = [Encounter(number, seed=0, variety=VARIETY) for number in range(24)]
    nerves = [person.nerve for person in people]
    assert {"plexus"} < set(nerves) <= {"plexus", *NERVES}
    seen = [person.view(0) for person in people[:6]]
    areas = [view.mask.sum() for view in seen]
    assert max(areas) > 2 * min(areas)
    assert np.std([view.image.mean() for view in seen]) > 8


def test_without_speckle_tissue_is_smooth_under_white_noise():
    """Neighbours along a row are alike in speckle, and hardly so in white noise."""

    def likeness(variety: Variety) -> float:
        image = Encounter(7, seed=0, variety=variety).view(1).image.astype(float)
        fine = image - (np.roll(image, 8, axis=1) + np.roll(image, -8, axis=1)) / 2
        patch = fine[200:320, 200:380]
        return float(np.corrcoef(patch[:, :-1].ravel(), patch[:, 1:].ravel())[0, 1])

    plain = {"curved": 0.0, "magnified": (1.0, 1.0), "noise": (0.0, 0.0)}
    assert likeness(Variety(**plain)) > 0.9
    assert likeness(Variety(**plain, speckled=False)) < likeness(Variety(**plain)) - 0.1


@pytest.mark.parametrize("nerve", ["plexus", *NERVES])
def test_every_nerve_fits_into_the_frame(nerve):
    number = next(n for n in range(200) if Encounter(n, seed=4, variety=VARIETY).nerve == nerve)
    mask = Encounter(number, seed=4, variety=VARIETY).view(0).mask
    assert 300 < mask.sum() < 80_000
