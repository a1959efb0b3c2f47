"""A trained pair to the small files that others start from: half precision, and their record."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor, nn

from nerveceg.errors import NerveCegError
from nerveceg.files import write_together
from nerveceg.models.starting import RECORD, SCHEMA

LARGEST = 25_000_000
"""Bytes of the pair together: it lies in the package that everyone downloads."""


def halved(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Kernels and matrices in half precision; vectors, counts and single numbers as they are.

    Batch norm's statistics are vectors: they cost little, and may lie beyond half precision.

    Raises:
        NerveCegError: a weight is too large for half precision.
    """
    small = {}
    for name, tensor in tensors.items():
        kernel = tensor.is_floating_point() and tensor.ndim > 1
        small[name] = (tensor.half() if kernel else tensor).detach().cpu().contiguous()
        if kernel and not torch.isfinite(small[name]).all():
            raise NerveCegError(f"tensor {name} is too large for half precision: train it again")
    return small


def pack_pair(
    folder: Path, networks: Mapping[str, nn.Module], *, record: Mapping[str, Any], card: str
) -> None:
    """Write each stage's weights, their record and a model card: all of them or none.

    networks: by stage, cls and seg. record: what starter.json says beside the networks, among it
    `trained_on`. card: Markdown.

    Raises:
        NerveCegError: together more than 25 MB, or weights that half precision can't hold.
    """
    files = {stage: save(halved(network.state_dict())) for stage, network in networks.items()}
    size = sum(map(len, files.values()))
    if size > LARGEST:
        raise NerveCegError(
            f"the pair takes {size / 1e6:.1f} MB, at most {LARGEST / 1e6:.0f} MB go into the "
            "package: train a smaller one, experiment=starter"
        )
    stages = {
        stage: {
            "class": type(networks[stage]).__name__,
            "arguments": networks[stage].config,
            "sha256": hashlib.sha256(content).hexdigest(),
            "bytes": len(content),
        }
        for stage, content in files.items()
    }
    text = json.dumps({"schema": SCHEMA, "stages": stages, **record}, indent=1)
    write_together(
        {
            **{folder / f"{stage}.safetensors": content for stage, content in files.items()},
            folder / RECORD: f"{text}\n".encode(),
            folder / "MODEL_CARD.md": card.encode(),
        }
    )
