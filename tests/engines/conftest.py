"""Engines that are installed here, one thread each."""

import pytest

from nerveceg.engines import OnnxRuntime, OpenVino


@pytest.fixture(scope="session", params=["onnxruntime", "openvino"])
def engine(request):
    """An engine outside torch, in float32."""
    pytest.importorskip(request.param)
    kind = {"onnxruntime": OnnxRuntime, "openvino": OpenVino}[request.param]
    return kind(threads=1)
