import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate

from nerveceg.resampling import mean_of_cells, shrink, stretch

SIZES = [((42, 58), (25, 35)), ((42, 58), (96, 128)), ((31, 7), (31, 9)), ((5, 5), (1, 3))]


def random_pixels(size):
    return np.random.default_rng(0).random((2, 3, *size), dtype=np.float32)


@pytest.mark.parametrize(("native", "size"), SIZES)
def test_numpy_shrinks_as_torch_does_with_antialias(native, size):
    pixels = random_pixels(native)
    expected = interpolate(torch.from_numpy(pixels), size, mode="bilinear", antialias=True)
    np.testing.assert_allclose(shrink(pixels, size), expected.numpy(), atol=1e-6)


@pytest.mark.parametrize(("native", "size"), SIZES)
def test_numpy_stretches_as_torch_does_without(native, size):
    pixels = random_pixels(native)
    expected = interpolate(torch.from_numpy(pixels), size, mode="bilinear")
    np.testing.assert_allclose(stretch(pixels, size), expected.numpy(), atol=1e-6)
    assert stretch(pixels, size).dtype == np.float32


@pytest.mark.parametrize(("native", "size"), SIZES[:1] + SIZES[3:])
def test_cells_are_averaged_as_torch_does_by_area(native, size):
    pixels = random_pixels(native)
    expected = interpolate(torch.from_numpy(pixels), size, mode="area")
    np.testing.assert_allclose(mean_of_cells(pixels, size), expected.numpy(), atol=1e-6)


def test_a_tensor_goes_through_torch_itself():
    pixels = torch.from_numpy(random_pixels((12, 9)))
    assert torch.equal(stretch(pixels, (20, 30)), interpolate(pixels, (20, 30), mode="bilinear"))
