"""Where the networks run, at which precision, and with how many helping processes."""

import os
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec

import torch
from torch import nn

from nerveceg.errors import NerveCegError

DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("auto", "float32", "bfloat16")


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """How a machine is used; changes the time that a run takes and roundings, not the method.

    device: auto | cpu | cuda | cuda:1 | mps; auto takes a GPU where there is one.
    precision: auto | float32 | bfloat16; auto is bfloat16 on a GPU that has it.
    workers: processes that prepare frames beside training; -1 takes up to 4 on a GPU machine and
        none on a CPU, where they'd take the network's cores.
    channels_last: memory layout that convolutions like.
    compile: torch.compile the network that trains.
    tensorboard: write scalars, histograms and images beside the JSON log.
    """

    device: str = "auto"
    precision: str = "auto"
    workers: int = -1
    channels_last: bool = True
    compile: bool = False
    tensorboard: bool = False

    def __post_init__(self) -> None:
        if self.device.split(":")[0] not in DEVICES:
            raise NerveCegError(f"runtime.device={self.device}: any of {', '.join(DEVICES)}")
        if self.precision not in PRECISIONS:
            raise NerveCegError(f"runtime.precision={self.precision}: any of {PRECISIONS}")
        try:
            torch.empty(0, device=self.torch_device)
        except (RuntimeError, AssertionError) as error:
            raise NerveCegError(
                f"runtime.device={self.device}: torch {torch.__version__} has no such device here; "
                "take runtime.device=cpu or auto"
            ) from error
        if self.tensorboard and find_spec("tensorboard") is None:
            raise NerveCegError(
                "runtime.tensorboard=true needs TensorBoard: pip install nerveceg[tensorboard]"
            )

    @cached_property
    def torch_device(self) -> torch.device:
        """The device that `device` stands for on this machine."""
        if self.device != "auto":
            return torch.device(self.device)
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")

    @property
    def bfloat16(self) -> bool:
        """Whether the networks run under bfloat16 autocast."""
        if self.precision == "auto":
            return self.torch_device.type == "cuda" and torch.cuda.is_bf16_supported()
        return self.precision == "bfloat16"

    @property
    def worker_count(self) -> int:
        """How many processes prepare frames."""
        if self.workers >= 0:
            return self.workers
        return 0 if self.torch_device.type == "cpu" else min(4, os.cpu_count() or 1)

    @property
    def memory_format(self) -> torch.memory_format:
        """Layout of the networks' weights and inputs."""
        return torch.channels_last if self.channels_last else torch.contiguous_format

    def place(self, model: nn.Module) -> nn.Module:
        """The model, moved to the device in the chosen memory layout."""
        return model.to(self.torch_device).to(memory_format=self.memory_format)

    def autocast(self) -> AbstractContextManager[None]:
        """Context in which the networks run at the chosen precision."""
        return torch.autocast(self.torch_device.type, torch.bfloat16, enabled=self.bfloat16)

    def describe(self) -> str:
        """Device and precision in words."""
        device = self.torch_device
        if device.type == "cuda":
            name = torch.cuda.get_device_name(device)
        else:
            name = f"{device.type}, {torch.get_num_threads()} threads"
        return f"{name}, {'bfloat16' if self.bfloat16 else 'float32'}"
