import pytest
import torch

from nerveceg.data.dataset import FrameDataset
from nerveceg.data.repeats import repeated
from nerveceg.data.sampling import EpochSampler
from nerveceg.errors import NerveCegError


class Tone:
    """Adds a random grey level."""

    def set_random_state(self, random_generator, py_random):
        self._random = random_generator

    def __call__(self, *, image, mask):
        return {"image": image + self._random.integers(1, 99, dtype="uint8"), "mask": mask}


@pytest.fixture(scope="module")
def once(mixed_frames, geometry):
    return FrameDataset(mixed_frames, geometry=geometry, augment=Tone(), progress=False)


def test_each_frame_comes_as_often_as_wanted_and_changed_anew(once):
    thrice = repeated(once, 3)
    assert len(thrice) == 24
    assert torch.equal(thrice.present, torch.cat([once.present] * 3))
    turns = [thrice[0, place] for place in (2, 10, 18)]
    assert [int(batch.place) for batch in turns] == [2, 10, 18]
    assert len({int(batch.image[0, 0, 0]) for batch in turns}) == 3
    assert all(torch.equal(batch.mask, turns[0].mask) for batch in turns)
    assert not torch.equal(turns[0].image, thrice[1, 2].image)
    assert torch.equal(thrice[1, 2].image, once[3, 2].image)


def test_plain_frames_stay_plain_and_true(once):
    plain = repeated(once, 2).plain()
    assert plain.is_true
    assert torch.equal(plain[0, 1].image, plain[5, 9].image)


def test_an_epoch_shows_all_of_them(once):
    twice = repeated(once, 2)
    places = [place for _, place in EpochSampler(range(len(twice)), seed=0)]
    assert sorted(places) == list(range(16))


def test_once_is_the_data_set_itself(once):
    assert repeated(once, 1) is once
    for times in (0, 1.5, None):
        with pytest.raises(NerveCegError, match=f"repeats={times}: a whole number"):
            repeated(once, times)
