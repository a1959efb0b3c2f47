"""Weight files, read without running code."""

import pickle
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from nerveceg.errors import NerveCegError


def read_tensors(path: Path | str) -> dict[str, Tensor]:
    """Named tensors, on the CPU, of a .safetensors file or of a .pth that holds tensors alone.

    Raises:
        NerveCegError: a missing or damaged file, or a pickle that holds more than tensors.
    """
    path = Path(path)
    if not path.is_file():
        raise NerveCegError(f"no weight file {path}: give a .safetensors file's path, or imagenet")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, OSError, EOFError, RuntimeError, pickle.UnpicklingError) as error:
        reason = " ".join(str(error).split())[:120]
        raise NerveCegError(
            f"weight file {path} is damaged or no weight file ({reason}): copy or train it again"
        ) from None
    if not isinstance(state, dict) or not all(isinstance(part, Tensor) for part in state.values()):
        raise NerveCegError(f"weight file {path} is no plain state dict: save it as .safetensors")
    return state
