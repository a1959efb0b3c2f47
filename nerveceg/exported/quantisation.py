"""A graph in float to one in int8, by the values that calibration frames give rise to."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nerveceg.arrays import to_host
from nerveceg.engines.graph import INPUT
from nerveceg.engines.missing import require_extra

if TYPE_CHECKING:
    from nerveceg.pipeline import Pipeline
    from nerveceg.prediction import Grey
    from nerveceg.views import View

Batches: TypeAlias = list[NDArray[np.float32]]
"""What a network sees of the calibration frames, float32 [N, 1, h, w] each."""

TOGETHER = 8
"""Calibration frames that run at once."""

WHOLE = 0.25
"""Share of the convolutions, the first ones, that stay in float: their values spread too far for
eight bits. On 144 frames of the demo the gate's presence moved by .13 with them, by .02 without."""


def seen_by_stage(
    pipeline: "Pipeline", images: "Sequence[Grey]", views: "dict[tuple[int, int], View]"
) -> dict[tuple[str, tuple[int, int]], Batches]:
    """What each stage sees of the frames, by the size of its input.

    The segmenter's are those that the gate may pass; all, if there are none.
    """
    parts = [images[first : first + TOGETHER] for first in range(0, len(images), TOGETHER)]
    frames = [pipeline.network_input(part) for part in parts]
    gates = [pipeline.look(batch).presence.value for batch in frames]
    passed = [
        batch[pipeline.operation.may_pass(gate)] for batch, gate in zip(frames, gates, strict=True)
    ]
    passed = [batch for batch in passed if len(batch)] or frames
    return {
        (stage, size): [np.ascontiguousarray(to_host(view.look(batch))) for batch in batches]
        for stage, batches in (("cls", frames), ("seg", passed))
        for size, view in views.items()
    }


def quantise(graph: bytes, batches: Batches) -> bytes:
    """The graph with all but the first convolutions in int8, as quantise and dequantise pairs.

    Weights by channel, activations by the least and greatest value that the batches reach (static
    quantisation of ONNX Runtime); both runtimes execute it.
    """
    require_extra("onnxruntime", extra="onnx")
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "float.onnx").write_bytes(graph)
        quant_pre_process(folder / "float.onnx", folder / "ready.onnx", skip_symbolic_shape=True)
        quantization.quantize_static(
            folder / "ready.onnx",
            folder / "int8.onnx",
            _reader(batches),
            quant_format=quantization.QuantFormat.QDQ,
            per_channel=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            op_types_to_quantize=["Conv", "MatMul", "Gemm"],
            nodes_to_exclude=_first_convolutions(folder / "ready.onnx"),
        )
        return (folder / "int8.onnx").read_bytes()


def _first_convolutions(graph: Path) -> list[str]:
    import onnx

    nodes = onnx.load(graph).graph.node
    convolutions = [node.name for node in nodes if node.op_type == "Conv"]
    return convolutions[: round(WHOLE * len(convolutions))]


def _reader(batches: Batches) -> Any:
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._rest: Iterator[NDArray[np.float32]] = iter(batches)

        def get_next(self) -> dict[str, NDArray[np.float32]] | None:
            batch = next(self._rest, None)
            return None if batch is None else {INPUT: batch}

    return Reader()
