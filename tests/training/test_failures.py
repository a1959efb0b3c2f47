import functools

import pytest
import torch
from torch.utils.data import DataLoader

from nerveceg.data.dataset import FrameDataset, collate
from nerveceg.data.geometry import Geometry
from nerveceg.errors import DataError, NerveCegError
from nerveceg.training.failures import NamedFrames, OutOfMemoryError, failures_in_words


def failing(error, *, batch_size=16, accumulate=1):
    with (
        pytest.raises(NerveCegError) as caught,
        failures_in_words(batch_size=batch_size, accumulate=accumulate),
    ):
        raise error
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"),
        MemoryError(),
    ],
)
def test_no_memory_names_the_batch_that_would_fit(error):
    found = failing(error, batch_size=16, accumulate=2)
    assert isinstance(found, OutOfMemoryError)
    assert (found.batch_size, found.accumulate, found.smaller) == (8, 4, True)
    assert str(found) == "out of memory at batch_size=16"


@pytest.mark.parametrize(("batch", "fits"), [(2, 1), (15, 5), (7, 1), (32, 16)])
def test_as_many_frames_an_update_stay(batch, fits):
    found = OutOfMemoryError(batch_size=batch, accumulate=1)
    assert (found.batch_size, found.batch_size * found.accumulate) == (fits, batch)
    assert not OutOfMemoryError(batch_size=1, accumulate=1).smaller


def test_a_real_lack_of_memory_is_recognised():
    with pytest.raises(OutOfMemoryError), failures_in_words(batch_size=4, accumulate=1):
        torch.empty(2**48)


def test_what_cannot_be_repeated_to_the_bit_is_named():
    text = "cumsum_cuda_kernel does not have a deterministic implementation, but you set\n'torch..."
    assert "cumsum_cuda_kernel" in str(failing(RuntimeError(text)))


def test_other_errors_pass():
    with (
        pytest.raises(RuntimeError, match="shapes"),
        failures_in_words(batch_size=4, accumulate=1),
    ):
        raise RuntimeError("shapes differ")


class Failing:
    """An augmentation that meets a frame that it can't take."""

    def __init__(self, error):
        self.error = error

    def set_random_state(self, random_generator, py_random):
        pass

    def __call__(self, *, image, mask):
        raise self.error


@pytest.mark.parametrize("workers", [0, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ZeroDivisionError("division\nby zero"), "(ZeroDivisionError: division by zero)"),
        (DataError("neck.tif is cut off: copy it again"), "neck.tif is cut off: copy it again"),
    ],
)
def test_a_frame_that_cannot_be_prepared_is_named_by_whichever_process(
    mixed_frames, workers, error, said
):
    frames = FrameDataset(
        mixed_frames[:2], geometry=Geometry(size=(32, 32)), augment=Failing(error), progress=False
    )
    loader = DataLoader(
        NamedFrames(frames), sampler=[(0, 1)], num_workers=workers, collate_fn=collate
    )
    with pytest.raises(DataError) as caught, failures_in_words(batch_size=1, accumulate=1):
        functools.reduce(lambda _, batch: batch, loader, None)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(said)
    assert isinstance(error, DataError) or str(mixed_frames[1].image) in str(caught.value)


def test_a_frame_for_which_there_is_no_memory_is_not_blamed(mixed_frames):
    augment = Failing(RuntimeError("DefaultCPUAllocator: can't allocate memory"))
    frames = FrameDataset(
        mixed_frames[:2], geometry=Geometry(size=(32, 32)), augment=augment, progress=False
    )
    with pytest.raises(OutOfMemoryError), failures_in_words(batch_size=2, accumulate=1):
        NamedFrames(frames)[0, 1]
