"""Where the networks run, at which precision, and with how many helping processes."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec

import torch
from torch import nn

from nerveceg.errors import NerveCegError
from nerveceg.processes import count, local_rank

DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("auto", "float32", "bfloat16")
AUTO = "auto"
MOST_TOGETHER = 64
"""Frames that a network is shown at once on a GPU where memory alone is to say how many."""
IN_CACHE = 4
"""The same on a processor: what more frames write between two layers leaves its cache."""


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """How a machine is used; changes the time that a run takes and roundings, not the method.

    device: auto | cpu | cuda | cuda:1 | mps; auto takes a GPU where there is one.
    precision: auto | float32 | bfloat16; auto is bfloat16 on a GPU that has it.
    batch_size: frames that a network sees at once at inference; auto is 4 on a processor, and on a
        GPU 64, halved while memory is short.
    workers: processes that prepare frames beside training; -1 takes up to 4 on a GPU machine and
        none on a CPU, where they'd take the network's cores.
    channels_last: memory layout that convolutions like.
    compile: torch.compile the network that trains.
    tensorboard: write scalars, histograms and images beside the JSON log.
    save_every: updates from one saved state to the next within an epoch; None is every ten
        minutes. The end of an epoch is saved in any case.
    deterministic: the same bits twice on a GPU too, which takes longer; a CPU gives them anyway.
    """

    device: str = "auto"
    precision: str = "auto"
    batch_size: int | str = AUTO
    workers: int = -1
    channels_last: bool = True
    compile: bool = False
    tensorboard: bool = False
    save_every: int | None = None
    deterministic: bool = False

    def __post_init__(self) -> None:
        if self.deterministic:
            # Read once, when the first matrices are multiplied on a GPU.
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        if self.device.split(":")[0] not in DEVICES:
            raise NerveCegError(f"runtime.device={self.device}: any of {', '.join(DEVICES)}")
        if not isinstance(self.workers, int) or self.workers < -1:
            raise NerveCegError(
                f"runtime.workers={self.workers}: a number of processes is wanted, or -1"
            )
        size = self.batch_size
        if size != AUTO and (not isinstance(size, int) or size < 1):
            raise NerveCegError(f"runtime.batch_size={size}: 1 frame or more is wanted, or auto")
        every = self.save_every
        if every is not None and (not isinstance(every, int) or every < 1):
            raise NerveCegError(f"runtime.save_every={every}: 1 update or more is wanted, or null")
        if self.precision not in PRECISIONS:
            raise NerveCegError(f"runtime.precision={self.precision}: any of {PRECISIONS}")
        if count() > 1 and self.device.startswith("cuda:"):
            raise NerveCegError(
                f"runtime.device={self.device} would put {count()} processes on one GPU: auto "
                "gives each its own"
            )
        try:
            torch.empty(0, device=self.torch_device)
        except (RuntimeError, AssertionError) as error:
            raise NerveCegError(
                f"runtime.device={self.device}: torch {torch.__version__} has no such device here; "
                "take runtime.device=cpu or auto"
            ) from error
        if self.tensorboard and find_spec("tensorboard") is None:
            raise NerveCegError(
                "runtime.tensorboard=true needs TensorBoard: pip install 'nerveceg[tensorboard]'"
            )

    @cached_property
    def torch_device(self) -> torch.device:
        """The device that `device` stands for on this machine."""
        if self.device not in ("auto", "cuda"):
            return torch.device(self.device)
        if self.device == "auto" and not torch.cuda.is_available():
            return torch.device("cpu")
        return torch.device("cuda", local_rank()) if count() > 1 else torch.device("cuda")

    @property
    def bfloat16(self) -> bool:
        """Whether the networks run under bfloat16 autocast."""
        if self.precision == "auto":
            return self.torch_device.type == "cuda" and torch.cuda.is_bf16_supported()
        return self.precision == "bfloat16"

    @property
    def frames_together(self) -> int:
        """How many frames a network sees at once, where memory allows."""
        if not isinstance(self.batch_size, str):
            return self.batch_size
        return IN_CACHE if self.torch_device.type == "cpu" else MOST_TOGETHER

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

    @contextmanager
    def repeatable(self) -> Iterator[None]:
        """Context in which the same steps give the same bits, where `deterministic` asks for it."""
        before = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark
        if self.deterministic:
            torch.use_deterministic_algorithms(True)
            torch.backends.cudnn.benchmark = False
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(before[0])
            torch.backends.cudnn.benchmark = before[1]

    def describe(self) -> str:
        """Device and precision in words."""
        device = self.torch_device
        if device.type == "cuda":
            name = torch.cuda.get_device_name(device)
        else:
            name = f"{device.type}, {torch.get_num_threads()} threads"
        return f"{name}, {'bfloat16' if self.bfloat16 else 'float32'}"
