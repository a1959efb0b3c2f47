"""What a run needs to go on after it stopped: tensors as safetensors, the rest as JSON within."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from nerveceg.errors import NerveCegError
from nerveceg.files import write_bytes

State = dict[str, Any]


def pack_state(state: Mapping[str, Any]) -> bytes:
    """Nested dicts and lists of tensors and plain values as the bytes of a file."""
    tensors: dict[str, Tensor] = {}
    plain = _take_tensors(state, "", tensors)
    return save(tensors, metadata={"plain": json.dumps(plain)})


def save_state(path: Path, state: Mapping[str, Any]) -> None:
    """Write what `load_state` reads; the file before stays whole until the new one is."""
    write_bytes(path, pack_state(state))


def load_state(path: Path) -> State:
    """What `save_state` wrote.

    Raises:
        NerveCegError: the file is missing or damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            plain = json.loads(file.metadata()["plain"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise NerveCegError(
            f"{path} can't be resumed from ({error}): start anew with overwrite=true"
        ) from error
    restored: State = _put_tensors(plain, tensors)
    return restored


def _take_tensors(value: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, Tensor):
        tensors[name] = value.detach().contiguous().clone()
        return {"tensor": name}
    if isinstance(value, Mapping):
        return {
            "pairs": [[key, _take_tensors(v, f"{name}/{key}", tensors)] for key, v in value.items()]
        }
    if isinstance(value, list | tuple):
        return [_take_tensors(item, f"{name}/{i}", tensors) for i, item in enumerate(value)]
    return value


def _put_tensors(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    if isinstance(value, dict):
        if "tensor" in value:
            return tensors[value["tensor"]]
        return {key: _put_tensors(item, tensors) for key, item in value["pairs"]}
    if isinstance(value, list):
        return [_put_tensors(item, tensors) for item in value]
    return value
