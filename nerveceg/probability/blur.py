"""A Gaussian blur of probability maps, as OpenCV's by the size of its kernel."""

import torch
from torch import Tensor


def gaussian_blur(maps: Tensor, size: int) -> Tensor:
    """Maps, float32 [N, 1, H, W], blurred by a kernel of `size` x `size` taps, odd; same device.

    The deviation is .3 * ((size - 1) / 2 - 1) + .8, and beyond a border stand the pixels mirrored
    in it: `cv2.GaussianBlur` with sigma 0, but for sizes under 11, for which that keeps tables.
    """
    rows, columns = (_operator(extent, size).to(maps) for extent in maps.shape[-2:])
    # As matrices, frame by frame: a GPU would convolve in TF32, and a batch may round otherwise.
    return torch.stack([rows @ frame @ columns.T for frame in maps])


def _operator(extent: int, size: int) -> Tensor:
    """The blur along an axis as a matrix, float32 [extent, extent]."""
    reach = size // 2
    taps = torch.arange(-reach, reach + 1)
    deviation = 0.3 * (reach - 1) + 0.8
    weights = torch.exp(-(taps.double() ** 2) / (2 * deviation**2))
    period = max(2 * (extent - 1), 1)
    places = (torch.arange(extent)[:, None] + taps) % period
    mirrored = torch.minimum(places, period - places).clamp_max(extent - 1)
    matrix = torch.zeros(extent, extent, dtype=torch.float64)
    matrix.scatter_add_(1, mirrored, (weights / weights.sum()).expand(mirrored.shape))
    return matrix.float()
