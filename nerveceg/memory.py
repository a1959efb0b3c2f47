"""Too little memory, whatever says so."""

import torch

_IN_TORCH = ("out of memory", "can't allocate memory", "not enough memory", "alloc_failed")
"""As a GPU (its libraries too), a processor under Linux, and one under Windows say it."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory was too short."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    said = str(error).lower()
    return isinstance(error, RuntimeError) and any(words in said for words in _IN_TORCH)
