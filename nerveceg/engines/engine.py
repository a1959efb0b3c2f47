"""What every engine does: it takes a trained network and gives one of the same contract."""

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from nerveceg.errors import NerveCegError
from nerveceg.models.networks import Network

if TYPE_CHECKING:
    from torch import nn

    from nerveceg.runtime import Runtime


class Engine(Protocol):
    """Runs networks."""

    @property
    def name(self) -> str:
        """As the configuration calls it."""

    def load(self, network: "nn.Module", runtime: "Runtime") -> Network:
        """The network, already on the runtime's device and in evaluation mode, in the engine.

        float32 [N, 1, h, w] in [0, 1] to float32 logits, for any N; a new h x w may take seconds.
        """

    def place(self, runtime: "Runtime") -> "Runtime":
        """The runtime as the engine can work with it.

        Raises:
            NerveCegError: it can't.
        """

    def describe(self) -> str:
        """The engine in words; nothing for torch's own."""


def on_processor(engine: str, runtime: "Runtime") -> "Runtime":
    """The runtime on the processor, for an engine that knows no other device.

    Raises:
        NerveCegError: another device is asked for.
    """
    if runtime.device not in ("auto", "cpu"):
        raise NerveCegError(
            f"engine={engine} beside runtime.device={runtime.device}: it runs on the processor "
            "alone, take runtime.device=cpu or engine=torch"
        )
    return replace(runtime, device="cpu")


def require_precision(engine: str, precision: str, known: tuple[str, ...]) -> None:
    """Stop at a precision that the engine doesn't have."""
    if precision not in known:
        raise NerveCegError(
            f"engine={engine} with engine.precision={precision}: {', '.join(known)} are known"
        )


def require_threads(threads: int | None) -> None:
    """Stop at a number of threads that isn't one."""
    if threads is not None and threads < 1:
        raise NerveCegError(
            f"engine.threads={threads}: a number from 1, or null for all, is wanted"
        )
