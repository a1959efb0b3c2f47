"""A Gaussian blur of probability maps, as OpenCV's by the size of its kernel."""

import numpy as np
from numpy.typing import NDArray

from nerveceg.arrays import Array, like, namespace


def gaussian_blur(maps: Array, size: int) -> Array:
    """Maps, float32 [N, 1, H, W], blurred by a kernel of `size` x `size` taps, odd; same device.

    The deviation is .3 * ((size - 1) / 2 - 1) + .8, and beyond a border stand the pixels mirrored
    in it: `cv2.GaussianBlur` with sigma 0, but for sizes under 11, for which that keeps tables.
    """
    rows, columns = (like(_operator(extent, size), maps) for extent in maps.shape[-2:])
    # As matrices, frame by frame: a GPU would convolve in TF32, and a batch may round otherwise.
    blurred: Array = namespace(maps).stack([rows @ frame @ columns.T for frame in maps])
    return blurred


def _operator(extent: int, size: int) -> NDArray[np.float32]:
    """The blur along an axis as a matrix, float32 [extent, extent]."""
    reach = size // 2
    taps = np.arange(-reach, reach + 1)
    deviation = 0.3 * (reach - 1) + 0.8
    weights = np.exp(-(taps**2) / (2 * deviation**2))
    period = max(2 * (extent - 1), 1)
    pixels = np.arange(extent)[:, None]
    places = (pixels + taps) % period
    mirrored = np.minimum(np.minimum(places, period - places), extent - 1)
    matrix = np.zeros((extent, extent))
    np.add.at(matrix, (pixels, mirrored), weights / weights.sum())
    return matrix.astype(np.float32)
