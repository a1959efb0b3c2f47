import pytest
from accelerate import Accelerator

from nerveceg.data.dataset import FrameDataset
from nerveceg.data.geometry import Geometry
from nerveceg.data.sampling import EpochSampler
from nerveceg.runtime import Runtime
from nerveceg.training.feeding import make_loader, rest_of_epoch


@pytest.mark.parametrize("done", [0, 1, 3])
def test_the_rest_of_an_epoch_is_the_same_and_what_is_done_is_not_prepared(mixed_frames, done):
    prepared = []

    class Watched(FrameDataset):
        def __getitem__(self, key):
            prepared.append(key)
            return super().__getitem__(key)

    loader = make_loader(
        Watched(mixed_frames, geometry=Geometry(size=(32, 32)), progress=False),
        EpochSampler(range(8), seed=5),
        batch_size=2,
        drop_last=True,
        runtime=Runtime(device="cpu"),
        accelerator=Accelerator(cpu=True),
    )
    whole = [batch.place.tolist() for batch in rest_of_epoch(loader, 2, done=0)]
    assert {epoch for epoch, _ in prepared} == {2}
    prepared.clear()
    rest = [batch.place.tolist() for batch in rest_of_epoch(loader, 2, done=done)]
    assert rest == whole[done:]
    assert [place for _, place in prepared] == sum(rest, [])
    assert [batch.place.tolist() for batch in rest_of_epoch(loader, 3, done=0)] != whole
