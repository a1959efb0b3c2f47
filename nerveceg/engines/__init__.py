"""What runs trained networks at inference: torch, its compiler, ONNX Runtime or OpenVINO."""

from nerveceg.engines.compiled import Compiled
from nerveceg.engines.eager import Eager
from nerveceg.engines.engine import Engine
from nerveceg.engines.onnx_runtime import OnnxRuntime
from nerveceg.engines.open_vino import OpenVino

__all__ = ["Compiled", "Eager", "Engine", "OnnxRuntime", "OpenVino"]
