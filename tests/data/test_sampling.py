from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from nerveceg.data.sampling import EpochSampler


def order(sampler, epoch):
    sampler.set_epoch(epoch)
    return [place for _, place in sampler]


@given(st.sets(st.integers(0, 10_000), max_size=60), st.integers(0, 2**32), st.integers(0, 500))
def test_every_place_is_shown_exactly_once_in_an_epoch(places, seed, epoch):
    sampler = EpochSampler(sorted(places), seed=seed)
    assert sorted(order(sampler, epoch)) == sorted(places)
    assert len(sampler) == len(places)


def test_the_order_follows_from_seed_and_epoch_whatever_was_shown_before():
    travelled = EpochSampler(range(50), seed=7)
    for epoch in range(5):
        order(travelled, epoch)
    assert order(travelled, 3) == order(EpochSampler(range(50), seed=7), 3)


def test_another_epoch_and_another_seed_give_another_order():
    sampler = EpochSampler(range(50), seed=7)
    orders = {tuple(order(sampler, epoch)) for epoch in range(10)}
    orders |= {tuple(order(EpochSampler(range(50), seed=seed), 0)) for seed in range(8, 18)}
    assert len(orders) == 20


def test_each_key_names_the_epoch_that_was_set():
    sampler = EpochSampler(range(4), seed=0)
    sampler.set_epoch(9)
    assert {epoch for epoch, _ in sampler} == {9}


def test_places_that_are_not_shuffled_come_in_their_order():
    sampler = EpochSampler([5, 2, 9], seed=0, shuffled=False)
    assert order(sampler, 0) == order(sampler, 1) == [5, 2, 9]


def test_extra_places_are_drawn_anew_each_epoch_without_repeats():
    sampler = EpochSampler(range(10), seed=1, extra=range(100, 140), extra_count=6)
    drawn = []
    for epoch in range(40):
        places = order(sampler, epoch)
        assert len(places) == len(set(places)) == len(sampler) == 16
        assert set(range(10)) <= set(places)
        drawn.append(frozenset(places) - set(range(10)))
    assert len(set(drawn)) > 30
    assert Counter(place for places in drawn for place in places).keys() == set(range(100, 140))


def test_no_more_extra_places_are_drawn_than_there_are():
    sampler = EpochSampler(range(3), seed=1, extra=[7, 8], extra_count=50)
    assert len(sampler) == 5
    assert sorted(order(sampler, 0)) == [0, 1, 2, 7, 8]
