"""What a network says that looks for presence and mask at once."""

from typing import NamedTuple

from torch import Tensor


class TwoHeads(NamedTuple):
    """Both logits of N frames, from one pass through a shared encoder."""

    presence: Tensor
    """float [N]"""
    mask: Tensor
    """float [N, 1, h, w]"""


Output = Tensor | TwoHeads
"""Of a network in training: presence logits, mask logits, or both."""


def mask_of(output: Output) -> Tensor | None:
    """The mask logits of an output, float [N, 1, h, w]; None where it has none."""
    if isinstance(output, TwoHeads):
        return output.mask
    return output if output.ndim == 4 else None


def is_finite(output: Output) -> bool:
    """Whether an output is free of NaN and infinity."""
    parts = output if isinstance(output, TwoHeads) else (output,)
    return all(bool(part.isfinite().all()) for part in parts)
