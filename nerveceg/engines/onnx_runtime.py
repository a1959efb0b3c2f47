"""ONNX Runtime on the processor."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nerveceg.engines.engine import on_processor, require_precision, require_threads
from nerveceg.engines.missing import require_extra
from nerveceg.engines.outside import Run, outside
from nerveceg.models.networks import Network

if TYPE_CHECKING:
    from torch import nn

    from nerveceg.runtime import Runtime

WARNINGS = 3
"""Severity from which on ONNX Runtime says something: errors."""


@dataclass(frozen=True, kw_only=True)
class OnnxRuntime:
    """ONNX Runtime.

    precision: float32; an exported folder may hold int8.
    threads: of one network; None is one a core.
    """

    precision: str = "float32"
    threads: int | None = None
    name = "onnxruntime"

    def __post_init__(self) -> None:
        require_extra("onnxruntime", extra="onnx")
        require_precision(self.name, self.precision, ("float32", "int8"))
        require_threads(self.threads)

    def load(self, network: "nn.Module", runtime: "Runtime") -> Network:
        """The network as a graph, traced when it first sees a frame of a size."""
        from nerveceg.engines.graph import TracedNetwork

        del runtime
        refuse_int8(self.name, self.precision)
        return TracedNetwork(network, self.open)

    def open(self, graph: bytes | Path) -> Network:
        """The network of an ONNX file."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads or cores()
        options.log_severity_level = WARNINGS
        source = graph if isinstance(graph, bytes) else str(graph)
        session = onnxruntime.InferenceSession(source, options, ["CPUExecutionProvider"])
        (entry,) = (known.name for known in session.get_inputs())
        run: Run = lambda frames: session.run(None, {entry: frames})  # noqa: E731
        return outside(run)

    def place(self, runtime: "Runtime") -> "Runtime":
        """The processor."""
        return on_processor(self.name, runtime)

    def describe(self) -> str:
        """The engine in words."""
        import onnxruntime

        return f"ONNX Runtime {onnxruntime.__version__} {self.precision}"


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def refuse_int8(engine: str, precision: str) -> None:
    """Stop where a network in float is to run in int8: how far its values reach isn't known yet."""
    from nerveceg.errors import NerveCegError

    if precision == "int8":
        raise NerveCegError(
            f"engine={engine} with engine.precision=int8 needs frames to calibrate on: python "
            "tools/export.py engine.precision=int8 input=FOLDER output=DIR writes a folder that "
            "predicts in int8"
        )
