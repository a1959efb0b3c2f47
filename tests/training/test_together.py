"""What each of several processes trains on, tells and refuses, seen from one."""

import pytest
import torch

from nerveceg.data.sampling import EpochSampler
from nerveceg.errors import NerveCegError
from nerveceg.training.feeding import Share
from nerveceg.training.log import TrainingLog
from nerveceg.training.origin import check_origin
from nerveceg.training.together import gather_batches


@pytest.fixture
def as_rank(monkeypatch):
    def become(rank, count):
        monkeypatch.setenv("RANK", str(rank))
        monkeypatch.setenv("WORLD_SIZE", str(count))

    return become


def batches(sampler, size):
    keys = list(sampler)
    return [keys[start : start + size] for start in range(0, len(keys), size)]


@pytest.mark.parametrize(("frames", "count", "size"), [(16, 2, 2), (23, 3, 2), (40, 4, 5)])
def test_an_update_of_all_processes_takes_the_batches_that_one_process_takes(
    as_rank, frames, count, size
):
    order = EpochSampler(range(frames), seed=4)
    order.set_epoch(2)
    alone = [batch for batch in batches(order, size) if len(batch) == size]
    shares = []
    for rank in range(count):
        as_rank(rank, count)
        share = Share(order, batch_size=size, whole=True)
        share.set_epoch(2)
        shares.append(batches(share, size))
        assert len(share) == size * len(shares[-1])
    rounds = [batch for one in zip(*shares, strict=True) for batch in one]
    assert rounds == alone[: len(alone) // count * count]


def test_validation_frames_are_shared_without_a_rest(as_rank):
    order = EpochSampler(range(7), seed=0, shuffled=False)
    keys = []
    for rank in range(3):
        as_rank(rank, 3)
        keys += list(Share(order, batch_size=2, whole=False))
    assert sorted(keys) == [(0, place) for place in range(7)]


def test_more_processes_than_batches_are_refused(as_rank):
    as_rank(0, 3)
    with pytest.raises(NerveCegError, match="3 processes, but an epoch of 8 frames has 2 whole"):
        Share(EpochSampler(range(8), seed=0), batch_size=4, whole=True)


def test_batches_of_one_process_stay_in_order():
    judged = [torch.tensor([1.0]), torch.tensor([2.0])]
    assert [batch.item() for batch in gather_batches(judged)] == [1.0, 2.0]


def test_the_first_process_alone_writes_the_log(as_rank, tmp_path):
    for rank in (1, 0):
        as_rank(rank, 2)
        TrainingLog(tmp_path, tensorboard=False).epoch(1, {"loss": 0.5})
        assert (tmp_path / "log.jsonl").exists() == (rank == 0)
    assert len((tmp_path / "log.jsonl").read_text().splitlines()) == 1


def test_a_run_goes_on_in_as_many_processes_as_began_it():
    origin = {"data": "d", "processes": 2, "versions": {}}
    check_origin(origin, origin)
    with pytest.raises(NerveCegError, match="resume=true in 1 processes, but the run began in 2"):
        check_origin(origin, {**origin, "processes": 1})
