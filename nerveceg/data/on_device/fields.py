"""Random and smoothed fields of pixels on any device, a generator or a Gaussian for each frame."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional


def noise(draws: Sequence[np.random.Generator], shape: tuple[int, ...], like: Tensor) -> Tensor:
    """Standard normal values, float32 [N, *shape], of a generator a frame on the device."""
    fields = torch.empty((len(draws), *shape), device=like.device)
    generator = torch.Generator(like.device)
    for field, draw in zip(fields, draws, strict=True):
        field.normal_(generator=generator.manual_seed(int(draw.integers(2**62))))
    return fields


def blur(
    pixels: Tensor,
    down: Sequence[float],
    across: Sequence[float],
    *,
    reach: float,
    mode: str,
) -> Tensor:
    """Pixels, float32 [N, C, h, w], under each frame's Gaussian, up to `reach` deviations away."""
    for dim, sigmas in ((2, down), (3, across)):
        radius = max(int(reach * sigma) for sigma in sigmas)
        if not radius:
            continue
        away = np.arange(-radius, radius + 1)
        columns = [
            np.exp(-0.5 * (away / sigma) ** 2) * (abs(away) <= int(reach * sigma))
            for sigma in sigmas
        ]
        kernels = on_device_of([column / column.sum() for column in columns], pixels)
        pixels = _convolve(pixels, kernels, dim=dim, mode=mode)
    return pixels


def _convolve(pixels: Tensor, kernels: Tensor, *, dim: int, mode: str) -> Tensor:
    """Pixels, float32 [N, C, h, w], with a kernel a frame, [N, k], along an axis."""
    count, channels, height, width = pixels.shape
    radius = kernels.shape[1] // 2
    across = dim == 3
    edge = (radius, radius, 0, 0) if across else (0, 0, radius, radius)
    padded = functional.pad(pixels.flatten(0, 1)[None], edge, mode=mode)
    weight = kernels.repeat_interleave(channels, dim=0)[:, None]
    weight = weight[:, :, None] if across else weight[..., None]
    return functional.conv2d(padded, weight, groups=count * channels).view(pixels.shape)


def on_device_of(values: object, like: Tensor) -> Tensor:
    """Numbers of the host as float32 on the device; nothing waits for it."""
    numbers = torch.from_numpy(np.asarray(values, dtype=np.float32))
    return numbers.to(like.device, non_blocking=True)
