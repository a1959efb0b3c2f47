"""Images of any size through networks that halve them five times."""

from torch import Tensor
from torch.nn import functional

STRIDE = 32
"""Every encoder here halves five times; architectures with a smaller need accept it too."""


def pad_to_stride(image: Tensor) -> Tensor:
    """[N, C, H, W] with edges repeated below and right until both sides divide by `STRIDE`.

    The inverse is `padded[..., :H, :W]`: no pixel moves, none is resampled.
    """
    height, width = image.shape[-2:]
    below, right = -height % STRIDE, -width % STRIDE
    if not below and not right:
        return image
    return functional.pad(image, (0, right, 0, below), mode="replicate")
