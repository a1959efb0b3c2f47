"""Weight files: read without running code, written so that a crash leaves the old one whole."""

import hashlib
import os
import pickle
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from nerveceg.errors import NerveCegError


def sha256_of(path: Path | str) -> str:
    """The file's sha256 as 64 hexadecimal digits."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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


def write_atomically(path: Path | str, content: bytes) -> None:
    """Puts `content` at `path` at once: whoever reads finds the old file or the new, whole."""
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
