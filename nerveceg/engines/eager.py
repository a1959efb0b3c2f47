"""torch as it is: operation by operation, on the runtime's device."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from nerveceg.arrays import Array
from nerveceg.engines.engine import require_precision
from nerveceg.models.networks import Network
from nerveceg.models.two_heads import Output, TwoHeads

if TYPE_CHECKING:
    from torch import nn

    from nerveceg.runtime import Runtime

PRECISIONS = ("auto", "float32", "bfloat16")


@dataclass(frozen=True, kw_only=True)
class Eager:
    """torch without a compiler.

    precision: auto | float32 | bfloat16; auto is as `runtime.precision` says.
    """

    precision: str = "auto"
    name = "torch"

    def __post_init__(self) -> None:
        require_precision(self.name, self.precision, PRECISIONS)

    def load(self, network: "nn.Module", runtime: "Runtime") -> Network:
        """The module, under autocast where the precision is bfloat16; no gradients."""
        return in_inference(network, runtime.autocast)

    def place(self, runtime: "Runtime") -> "Runtime":
        """The runtime at the engine's precision."""
        if self.precision == "auto":
            return runtime
        return replace(runtime, precision=self.precision)

    def describe(self) -> str:
        """Nothing: it is what one expects."""
        return ""


def in_inference(
    network: Callable[[Array], Output], autocast: Callable[[], AbstractContextManager[None]]
) -> Network:
    """The network without gradients under an autocast, its logits in float32."""
    import torch

    @torch.inference_mode()
    def run(image: Array) -> Output:
        with autocast():
            output = network(image)
        if isinstance(output, TwoHeads):
            return TwoHeads(*(logits.float() for logits in output))
        return output.float()

    return run
