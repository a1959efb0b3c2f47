"""What a training shares with others: the process it runs in, and processes beside it."""

from collections.abc import Sequence
from itertools import zip_longest

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, GradientState
from accelerate.utils import broadcast
from torch import Tensor, nn

from nerveceg.processes import count, gather, join
from nerveceg.runtime import Runtime


def make_accelerator(runtime: Runtime, *, accumulate: int) -> Accelerator:
    """What moves batches and gradients at a precision, once other processes are joined."""
    cpu = runtime.torch_device.type == "cpu"
    _forget_earlier_runs(runtime)
    join(cpu=cpu)
    return Accelerator(
        cpu=cpu,
        mixed_precision="bf16" if runtime.bfloat16 else "no",
        gradient_accumulation_steps=accumulate,
    )


def _forget_earlier_runs(runtime: Runtime) -> None:
    # accelerate keeps device and precision of a process's first run and refuses others; on several
    # GPUs it takes the current one.
    if AcceleratorState._shared_state:
        AcceleratorState._reset_state(reset_partial_state=True)
        GradientState._reset_state()
    if runtime.torch_device.type == "cuda" and runtime.torch_device.index is not None:
        torch.cuda.set_device(runtime.torch_device)


def take_buffers_of_first(model: nn.Module) -> None:
    """Take the first process's running statistics; each has those of its own frames until then."""
    if count() > 1:
        for buffer in model.buffers():
            broadcast(buffer)


def gather_batches(judged: Sequence[Tensor]) -> list[Tensor]:
    """The batches of all processes, to which they were dealt in turn, in the order of one."""
    rounds = zip_longest(*gather(list(judged)))
    return [batch for one in rounds for batch in one if batch is not None]
