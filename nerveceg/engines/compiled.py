"""torch.compile: the network as generated code for the device; the first frames wait for it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nerveceg.engines.eager import PRECISIONS, in_inference, with_precision
from nerveceg.engines.engine import require_precision
from nerveceg.models.networks import Network

if TYPE_CHECKING:
    from torch import nn

    from nerveceg.runtime import Runtime


@dataclass(frozen=True, kw_only=True)
class Compiled:
    """torch with its compiler.

    precision: auto | float32 | bfloat16; auto is as `runtime.precision` says.
    """

    precision: str = "auto"
    name = "compile"

    def __post_init__(self) -> None:
        require_precision(self.name, self.precision, PRECISIONS)

    def load(self, network: "nn.Module", runtime: "Runtime") -> Network:
        """The module, compiled when it first sees a frame, and once more for other batches."""
        import torch

        return in_inference(torch.compile(network), runtime.autocast)

    def place(self, runtime: "Runtime") -> "Runtime":
        """The runtime at the engine's precision."""
        return with_precision(runtime, self.precision)

    def describe(self) -> str:
        """The engine in words."""
        return "torch.compile"
