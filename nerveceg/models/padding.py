"""Images of any size through networks that halve them several times."""

from torch import Tensor
from torch.nn import functional

STRIDE = 32
"""Every smp encoder here halves five times; architectures with a smaller need accept it too."""


def pad_to_stride(image: Tensor, *, stride: int = STRIDE) -> Tensor:
    """[N, C, H, W] with edges repeated below and right until both sides divide by `stride`.

    The inverse is `padded[..., :H, :W]`: no pixel moves, none is resampled.
    """
    height, width = image.shape[-2:]
    below, right = -height % stride, -width % stride
    if not below and not right:
        return image
    return functional.pad(image, (0, right, 0, below), mode="replicate")
