"""OpenVINO on the processor, in bfloat16 where that has the instructions."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from nerveceg.engines.cutting import cut
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

EXACT = 8
"""The most convolutions, first ones, that stay in float32 beside bf16, where a graph can be cut
behind them: most of the rounding arises there. On 225 phantom frames the logit of a demo's gate
moved by .11 (standard deviation) without, by .05 with them; an EfficientNet-B4 takes 6 % longer."""


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
        model, hint = core().read_model(graph), self._hint()
        parts = [model] if hint == "f32" else cut(model, before=EXACT)
        hints = ["f32"] * (len(parts) - 1) + [hint]
        opened = [
            core().compile_model(part, "CPU", self._settings(hint)).create_infer_request()
            for part, hint in zip(parts, hints, strict=True)
        ]

        def run(frames: Any) -> list[Any]:
            *first, last = opened
            for part in first:
                (frames,) = part.infer({0: frames}, share_inputs=True).values()
            found = last.infer({0: frames}, share_inputs=True)
            return [found[port] for port in last.model_outputs]

        typed: Run = run
        return outside(typed)

    def place(self, runtime: "Runtime") -> "Runtime":
        """The processor."""
        return on_processor(self.name, runtime)

    def describe(self) -> str:
        """The engine in words."""
        import openvino

        return f"OpenVINO {openvino.__version__.split('-')[0]} {self.precision}"

    def _hint(self) -> str:
        beside_int8 = self.precision == "int8" and has_bfloat16()
        return "bf16" if beside_int8 else HINTS[self.precision]

    def _settings(self, hint: str) -> dict[str, Any]:
        settings: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": hint}
        return (
            settings
            if self.threads is None
            else {**settings, "INFERENCE_NUM_THREADS": self.threads}
        )


def has_bfloat16() -> bool:
    """Whether OpenVINO finds bfloat16 instructions in this processor."""
    return "BF16" in core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


_MADE_BY_ONE = Lock()


def core() -> Any:
    """The one `openvino.Core` of this process.

    Each brings its thread a stack for signals, and takes it away when it goes. Of several, the last
    to go may leave a stack in place that another took away: the next signal then ends the process
    (openvino 2026.4, `SigAltStackSetup`).
    """
    with _MADE_BY_ONE:
        return _core()


@cache
def _core() -> Any:
    import openvino

    return openvino.Core()
