"""OpenVINO on the processor, in bfloat16 where that has the instructions."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nerveceg.engines.engine import on_processor, require_precision, require_threads
from nerveceg.engines.missing import require_extra
from nerveceg.engines.onnx_runtime import refuse_int8
from nerveceg.engines.outside import Run, outside
from nerveceg.errors import NerveCegError
from nerveceg.models.networks import Network

if TYPE_CHECKING:
    from torch import nn

    from nerveceg.runtime import Runtime

HINTS = {"float32": "f32", "bfloat16": "bf16", "int8": "f32"}
"""In which precision OpenVINO runs what isn't quantised; beside int8 in bf16 where it can."""


@dataclass(frozen=True, kw_only=True)
class OpenVino:
    """OpenVINO.

    precision: float32 | bfloat16; an exported folder may hold int8.
    threads: of one network; None is one a core.
    """

    precision: str = "float32"
    threads: int | None = None
    name = "openvino"

    def __post_init__(self) -> None:
        require_extra("openvino", extra="openvino")
        require_precision(self.name, self.precision, tuple(HINTS))
        require_threads(self.threads)
        if self.precision == "bfloat16" and not has_bfloat16():
            raise NerveCegError(
                "engine=openvino with engine.precision=bfloat16: this processor has no bfloat16 "
                "instructions, take engine.precision=float32"
            )

    def load(self, network: "nn.Module", runtime: "Runtime") -> Network:
        """The network as a graph, traced when it first sees a frame of a size."""
        from nerveceg.engines.graph import TracedNetwork

        del runtime
        refuse_int8(self.name, self.precision)
        return TracedNetwork(network, self.open)

    def open(self, graph: bytes | Path) -> Network:
        """The network of an ONNX file."""
        import openvino

        core = openvino.Core()
        compiled = core.compile_model(core.read_model(graph), "CPU", self._settings())
        request = compiled.create_infer_request()

        def run(frames: Any) -> list[Any]:
            found = request.infer({0: frames}, share_inputs=True)
            return [found[port] for port in compiled.outputs]

        typed: Run = run
        return outside(typed)

    def place(self, runtime: "Runtime") -> "Runtime":
        """The processor."""
        return on_processor(self.name, runtime)

    def describe(self) -> str:
        """The engine in words."""
        import openvino

        return f"OpenVINO {openvino.__version__.split('-')[0]} {self.precision}"

    def _settings(self) -> dict[str, Any]:
        beside_int8 = self.precision == "int8" and has_bfloat16()
        settings: dict[str, Any] = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "bf16" if beside_int8 else HINTS[self.precision],
        }
        return (
            settings
            if self.threads is None
            else {**settings, "INFERENCE_NUM_THREADS": self.threads}
        )


def has_bfloat16() -> bool:
    """Whether OpenVINO finds bfloat16 instructions in this processor."""
    import openvino

    return "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
