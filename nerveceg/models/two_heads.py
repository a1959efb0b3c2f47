"""What a network says that looks for presence and mask at once."""

from typing import NamedTuple

from nerveceg.arrays import Array, namespace


class TwoHeads(NamedTuple):
    """Both logits of N frames, from one pass through a shared encoder."""

    presence: Array
    """float [N]"""
    mask: Array
    """float [N, 1, h, w]"""


Output = Array | TwoHeads
"""Of a network: presence logits, mask logits, or both."""


def mask_of(output: Output) -> Array | None:
    """The mask logits of an output, float [N, 1, h, w]; None where it has none."""
    if isinstance(output, TwoHeads):
        return output.mask
    return output if output.ndim == 4 else None


def is_finite(output: Output) -> bool:
    """Whether an output is free of NaN and infinity."""
    parts = output if isinstance(output, TwoHeads) else (output,)
    return all(bool(namespace(part).isfinite(part).all()) for part in parts)
