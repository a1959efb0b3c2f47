"""torch.compile: the network as generated code for the device; the first frames wait for it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nerveceg.engines.eager import Eager, in_inference
from nerveceg.models.networks import Network

if TYPE_CHECKING:
    from torch import nn

    from nerveceg.runtime import Runtime


@dataclass(frozen=True, kw_only=True)
class Compiled(Eager):
    """torch with its compiler.

    precision: auto | float32 | bfloat16; auto is as `runtime.precision` says.
    """

    name = "compile"

    def load(self, network: "nn.Module", runtime: "Runtime") -> Network:
        """The module, compiled when it first sees a frame, and once more for other batches."""
        import torch

        return in_inference(torch.compile(network), runtime.autocast)

    def describe(self) -> str:
        """The engine in words."""
        return "torch.compile"
