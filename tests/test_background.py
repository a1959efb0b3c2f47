import threading
import time

import pytest

from nerveceg.background import MOST_WAITING, Errands, ahead


@pytest.fixture
def errands():
    made = Errands()
    yield made
    made.drop()


def test_items_come_in_order_and_the_next_is_made_while_one_is_used():
    begun = [threading.Event() for _ in range(4)]

    def items():
        for k in range(3):
            begun[k].set()
            yield k
        begun[3].set()

    for k, item in enumerate(ahead(items())):
        assert item == k
        assert begun[k + 1].wait(5), "the next one waits for this one's use"


def test_what_making_an_item_raises_comes_in_its_place():
    def items():
        yield 1
        raise ValueError("torn")

    made = ahead(items())
    assert next(made) == 1
    with pytest.raises(ValueError, match="torn"):
        next(made)


def test_nothing_stays_nothing_and_leaving_early_ends_the_thread():
    assert list(ahead([])) == []
    before = threading.active_count()
    made = ahead(iter(range(1000)))
    next(made)
    assert threading.active_count() == before + 1
    made.close()
    assert threading.active_count() == before


def test_errands_are_made_in_order_by_another_thread(errands):
    done = []
    for k in range(200):
        errands.give(lambda k=k: done.append((k, threading.get_ident())))
    errands.finish()
    assert [k for k, _ in done] == list(range(200))
    assert {thread for _, thread in done}.isdisjoint({threading.get_ident()})


def test_no_more_wait_than_may(errands):
    gate, given = threading.Event(), []

    def give():
        for k in range(MOST_WAITING + 5):
            errands.give(gate.wait)
            given.append(k)

    giver = threading.Thread(target=give)
    giver.start()
    time.sleep(0.2)
    assert len(given) == MOST_WAITING
    gate.set()
    giver.join()
    errands.finish()


def test_what_an_errand_raises_is_raised_by_a_later_call(errands):
    def full():
        raise OSError("No space left on device")

    errands.give(full)
    with pytest.raises(OSError, match="No space left"):
        errands.finish()
    errands.give(full)
    time.sleep(0.1)
    with pytest.raises(OSError, match="No space left"):
        errands.give(print)


def test_dropped_errands_are_left_out():
    errands, gate, done = Errands(), threading.Event(), []
    errands.give(gate.wait)
    errands.give(lambda: done.append(1))
    threading.Timer(0.1, gate.set).start()
    errands.drop()
    assert done == []
