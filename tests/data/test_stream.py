import pytest
import torch
from torch.utils.data import DataLoader

from nerveceg.data.dataset import collate
from nerveceg.data.phantom.variety import Variety
from nerveceg.data.sampling import EpochSampler
from nerveceg.data.stream import PhantomStream
from nerveceg.errors import NerveCegError


@pytest.fixture(scope="module")
def stream(geometry):
    return PhantomStream(3, geometry=geometry, variety=Variety(), seed=1)


def test_every_person_comes_twice_once_with_the_nerve(stream):
    assert len(stream) == 6
    assert stream.present.tolist() == [1, 0, 1, 0, 1, 0]
    batch = collate([stream[0, place] for place in range(4)])
    assert batch.image.shape == (4, 1, 64, 96)
    assert batch.mask.flatten(1).any(1).tolist() == [True, False, True, False]
    assert ((batch.target > 0.5) == (batch.present == 1)).all()


def test_another_epoch_shows_other_people_and_the_same_key_the_same_frame(stream):
    assert torch.equal(stream[1, 0].image, stream[1, 0].image)
    assert not torch.equal(stream[1, 0].image, stream[2, 0].image)
    assert not torch.equal(stream[1, 0].image, stream[1, 2].image)


def test_it_teaches_softly_and_so_may_not_score(stream):
    assert not stream.is_true
    assert not stream.shuffled


def test_no_people_are_refused(geometry):
    with pytest.raises(NerveCegError, match="data.stream.people=0"):
        PhantomStream(0, geometry=geometry, variety=Variety())


@pytest.mark.slow
def test_workers_render_the_same_frames(stream):
    keys = EpochSampler(range(6), seed=0, shuffled=False)
    alone, helped = (
        [
            batch.image
            for batch in DataLoader(
                stream, batch_size=2, sampler=keys, collate_fn=collate, num_workers=workers
            )
        ]
        for workers in (0, 2)
    )
    assert all(torch.equal(one, other) for one, other in zip(alone, helped, strict=True))
