"""Shares of several processes, and that one process needs nobody."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerveceg import processes
from nerveceg.errors import NerveCegError
from nerveceg.runtime import Runtime
from nerveceg.tools import command, console, describe, train_seg


@pytest.fixture
def launched(monkeypatch):
    """Makes this process one of several, as far as its environment says so."""

    def launch(rank, count):
        monkeypatch.setenv("RANK", str(rank))
        monkeypatch.setenv("WORLD_SIZE", str(count))
        monkeypatch.setenv("LOCAL_RANK", str(rank))
        monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
        monkeypatch.setenv("MASTER_PORT", "1")  # where nobody listens

    return launch


def batches_of(values, size):
    return [values[start : start + size] for start in range(0, len(values), size)]


@given(frames=st.integers(0, 60), size=st.integers(1, 9), count=st.integers(1, 7))
def test_every_frame_is_dealt_once_in_the_batches_of_one_process(frames, size, count):
    values = list(range(frames))
    shares = []
    with pytest.MonkeyPatch.context() as patch:
        for rank in range(count):
            patch.setenv("RANK", str(rank))
            patch.setenv("WORLD_SIZE", str(count))
            shares.append(processes.deal(values, batch_size=size))
    assert sorted(value for share in shares for value in share) == values
    alone = batches_of(values, size)
    for share in shares:
        assert all(batch in alone for batch in batches_of(share, size))
    lengths = [len(batches_of(share, size)) for share in shares]
    assert max(lengths) - min(lengths) <= 1


def test_one_process_needs_no_launcher_and_no_accelerate(monkeypatch):
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setitem(sys.modules, "accelerate", None)  # importing it would fail
    processes.join()
    assert (processes.count(), processes.rank(), processes.is_first()) == (1, 0, True)
    assert processes.gather("a") == ["a"]
    assert processes.gather_named({"b": 1, "a": 2}, order="abc") == {"a": 2, "b": 1}
    assert list(processes.gather_named({"b": 1, "a": 2}, order="ab")) == ["a", "b"]
    assert processes.agree(lambda: 3) == 3
    assert processes.speaks()
    processes.wait()
    processes.leave()


def test_a_world_without_a_rank_is_one_process(monkeypatch):
    monkeypatch.delenv("RANK", raising=False)
    monkeypatch.setenv("WORLD_SIZE", "8")  # as schedulers leave it in a shell
    assert processes.count() == 1


def test_the_first_process_alone_logs(launched, capsys):
    import logging

    record = logging.LogRecord("x", logging.INFO, "", 0, "said", (), None)
    for rank in (1, 0):
        launched(rank, 2)
        console.ProgressHandler().emit(record)
    assert capsys.readouterr().err == "said\n"


def test_a_gpu_by_number_is_refused_where_each_process_wants_its_own(launched):
    launched(1, 2)
    with pytest.raises(NerveCegError, match="auto gives each its own"):
        Runtime(device="cuda:1")


@pytest.mark.parametrize(
    ("tool", "words", "said"),
    [
        (train_seg, ["-m", "seed=0,1"], "--multirun in a launch of 2 processes"),
        (describe, [], "describe runs as one process"),
    ],
)
def test_what_several_processes_cannot_share_is_refused_in_one_line(
    tool, words, said, launched, run, monkeypatch
):
    launched(0, 2)
    monkeypatch.setattr(processes, "speaks", lambda: True)
    status, out, err = run(tool, *words)
    assert (status, out) == (command.MISTAKE, "")
    assert err.startswith("error: ")
    assert said in err
    assert err.count("\n") == 1
