import numpy as np
import pytest

from nerveceg.data.phantom.anatomy import draw_anatomy
from nerveceg.data.phantom.honeycomb import draw_honeycomb
from nerveceg.data.phantom.scale import scale_anatomy, scale_location
from nerveceg.data.phantom.surroundings import draw_contact, vary_surroundings
from nerveceg.data.phantom.sweep import draw_location
from nerveceg.data.phantom.variety import Variety
from nerveceg.errors import NerveCegError


@pytest.mark.parametrize(
    "wrong", [{"scale": (2, 1)}, {"noise": [1]}, {"curved": 1.5}, {"honeycomb": -0.1}]
)
def test_a_range_upside_down_or_a_share_above_one_is_named(wrong):
    with pytest.raises(NerveCegError, match=f"variety.{next(iter(wrong))}="):
        Variety(**wrong)


def test_lists_from_a_configuration_become_ranges():
    assert Variety(scale=[1.0, 1.0]) == Variety(scale=(1.0, 1.0))
    assert hash(Variety(scale=[1.0, 1.0])) == hash(Variety(scale=(1.0, 1.0)))


def test_anywhere_the_nerve_lies_all_over_the_frame():
    random, variety = np.random.default_rng(0), Variety(anywhere=True)
    location = draw_location(random)
    rows = [variety.move(location, random, nerve="plexus").row for _ in range(300)]
    assert np.histogram(rows, bins=4, range=(0, 420))[0].min() > 45


def test_all_lengths_of_an_anatomy_scale_about_the_middle_of_the_skin():
    random = np.random.default_rng(1)
    location = draw_location(random)
    anatomy = draw_anatomy(random, location)
    half = scale_anatomy(anatomy, 0.5)
    assert half.fat_depth == anatomy.fat_depth / 2
    assert [one.depth for one in half.fasciae] == [one.depth / 2 for one in anatomy.fasciae]
    place = scale_location(location, 0.5)
    assert place.row == location.row / 2
    assert place.column - 290 == pytest.approx((location.column - 290) / 2)
    assert np.exp(place.log_major) == pytest.approx(np.exp(location.log_major) / 2)


def test_a_honeycomb_has_many_fascicles_inside_its_sheath():
    plexus = draw_honeycomb(np.random.default_rng(0), aspect=2.0)
    assert len(plexus.fascicles) >= 7
    assert all(np.hypot(one.along, one.aside) < 1.05 for one in plexus.fascicles)
    assert plexus.outline_db > 0


def test_surroundings_are_added_and_nothing_is_taken_away():
    random = np.random.default_rng(2)
    location = draw_location(random)
    anatomy = draw_anatomy(random, location)
    around = [vary_surroundings(anatomy, random, location=location) for _ in range(20)]
    assert all(set(anatomy.vessels) <= set(one.vessels) for one in around)
    assert max(len(one.fasciae) for one in around) > len(anatomy.fasciae)


def test_lost_contact_darkens_one_side_alone():
    gain = draw_contact(np.random.default_rng(0), share=1.0)
    assert gain.min() < -7
    assert gain.max() > -1
    assert not draw_contact(np.random.default_rng(0), share=0.0).any()
