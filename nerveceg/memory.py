"""Too little memory, whatever says so."""

import torch

_IN_TORCH = "can't allocate memory"


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory was too short."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and _IN_TORCH in str(error)
