"""A trained network as an ONNX graph of one frame size and any number of frames."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from nerveceg.arrays import Array
from nerveceg.engines.missing import require_extra
from nerveceg.models.networks import Network
from nerveceg.models.two_heads import Output, TwoHeads
from nerveceg.quiet import quiet

if TYPE_CHECKING:
    from torch import Tensor, nn

    from nerveceg.data.filters import Filter

OPSET = 17
"""Both runtimes read it; the export by tracing goes no further than 20."""
INPUT = "frames"


class TracedNetwork:
    """A trained network behind a runtime: traced anew for each size of frames that it meets."""

    def __init__(self, network: "nn.Module", open_graph: Callable[[bytes], Network]) -> None:
        require_extra("onnx", extra="onnx")
        self._network = network
        self._open_graph = open_graph
        self._opened: dict[tuple[int, ...], Network] = {}

    def __call__(self, image: Array) -> Output:
        """Logits of float32 [N, 1, h, w]."""
        size = tuple(image.shape[-2:])
        if size not in self._opened:
            graph = trace(self._network, (size[0], size[1]))
            self._opened[size] = self._open_graph(graph)
        return self._opened[size](image)


def trace(network: "nn.Module", size: tuple[int, int]) -> bytes:
    """The ONNX file of a network in evaluation mode, for frames float32 [N, 1, *size], any N.

    It has one output, or, of a network with two heads, presence and mask.
    """
    import torch

    device = next(network.parameters()).device
    # Two frames: of a single one some layers would be traced as if it were the only number ever.
    frames = torch.rand(2, 1, *size, device=device)
    with torch.no_grad():
        two_heads = isinstance(network(frames), TwoHeads)
    outputs = ["presence", "mask"] if two_heads else ["logits"]
    return _export(network, frames, outputs, free={0: "count"})


def trace_filter(filter: "Filter") -> bytes:
    """The ONNX file of a filter of preprocessing, for frames uint8 [N, 1, h, w] of any size."""
    import torch

    class Module(torch.nn.Module):
        def forward(self, frames: torch.Tensor) -> torch.Tensor:
            return filter(frames)

    frames = torch.randint(0, 256, (2, 1, 16, 24), dtype=torch.uint8)
    return _export(Module(), frames, ["filtered"], free={0: "count", 2: "rows", 3: "columns"})


def _export(
    network: "nn.Module", frames: "Tensor", outputs: list[str], *, free: dict[int, str]
) -> bytes:
    """The ONNX file of a module; free: the axes of input and outputs that may have any length."""
    import torch

    require_extra("onnx", extra="onnx")
    with TemporaryDirectory() as folder, torch.no_grad(), quiet():
        # Quiet of a tracer that finds sizes turned into constants.
        path = Path(folder) / "network.onnx"
        torch.onnx.export(
            network,
            (frames,),
            path,
            dynamo=False,
            opset_version=OPSET,
            input_names=[INPUT],
            output_names=outputs,
            dynamic_axes={name: free for name in (INPUT, *outputs)},
        )
        return path.read_bytes()
