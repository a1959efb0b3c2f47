import cv2
import numpy as np
import pytest
import torch

from nerveceg.probability.blur import gaussian_blur


@pytest.mark.parametrize("size", [3, 11, 51])
@pytest.mark.parametrize("shape", [(420, 580), (31, 20), (1, 7)])
def test_a_blur_is_that_of_opencv(size, shape):
    maps = np.random.default_rng(0).random((2, *shape), dtype=np.float32)
    blurred = gaussian_blur(torch.from_numpy(maps)[:, None], size)[:, 0].numpy()
    sigma = 0.3 * ((size - 1) * 0.5 - 1) + 0.8
    for found, one in zip(blurred, maps, strict=True):
        assert np.abs(found - cv2.GaussianBlur(one, (size, size), sigma)).max() < 1e-5
        if size == 51:
            assert np.abs(found - cv2.GaussianBlur(one, (51, 51), 0)).max() < 1e-5


def test_a_kernel_of_one_changes_nothing_and_neither_does_a_blur_of_a_level_map():
    maps = torch.rand(1, 1, 8, 9, generator=torch.Generator().manual_seed(0))
    assert torch.equal(gaussian_blur(maps, 1), maps)
    torch.testing.assert_close(gaussian_blur(torch.full_like(maps, 0.3), 5), maps * 0 + 0.3)


def test_a_frame_is_blurred_to_the_same_bits_in_any_batch():
    maps = torch.rand(5, 1, 42, 58, generator=torch.Generator().manual_seed(1))
    together = gaussian_blur(maps, 13)
    assert all(
        torch.equal(gaussian_blur(one[None], 13)[0], done)
        for one, done in zip(maps, together, strict=True)
    )
