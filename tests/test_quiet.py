import multiprocessing
import sys
import threading
import warnings

import pytest

from nerveceg.quiet import quiet


def test_one_class_is_raised_and_no_other():
    with quiet(raised=DeprecationWarning):
        warnings.warn("nothing of it is seen", UserWarning, stacklevel=1)
        with pytest.raises(DeprecationWarning, match="raised"):
            warnings.warn("raised", DeprecationWarning, stacklevel=1)


def test_two_threads_at_once_leave_the_filters_as_they_were():
    before, entered, failed = list(warnings.filters), threading.Event(), []

    def other():
        entered.wait(10)
        with quiet():
            failed.extend([] if warnings.filters[0][0] == "ignore" else ["lifted"])

    thread = threading.Thread(target=other)
    thread.start()
    with quiet():
        entered.set()
        thread.join(0.2)
        assert thread.is_alive(), "both are in their blocks at once"
    thread.join(10)
    assert not failed
    assert list(warnings.filters) == before


@pytest.mark.skipif(sys.platform == "win32", reason="processes aren't forked there")
def test_a_process_forked_within_a_block_of_another_thread_is_not_held_up():
    inside, leave = threading.Event(), threading.Event()

    def hold():
        with quiet():
            inside.set()
            leave.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    inside.wait(10)
    child = multiprocessing.get_context("fork").Process(target=_enter)
    child.start()
    child.join(10)
    leave.set()
    thread.join(10)
    assert child.exitcode == 0


def _enter():
    with quiet():
        pass
