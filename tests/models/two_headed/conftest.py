"""What both two-headed networks are looked at with."""

import pytest
import torch


@pytest.fixture
def shapes_of_levels():
    """Gives the [C, h, w] that each level puts out, down and up, of a frame of that size."""

    def measure(network, size):
        shapes = []
        parts = [*network.blocks, network.bottom, *reversed(network.rises)]
        hooks = [
            part.register_forward_hook(lambda _, __, output: shapes.append(tuple(output.shape[1:])))
            for part in parts
        ]
        with torch.device("meta"):
            network.to("meta")(torch.empty(1, 1, *size), size)
        for hook in hooks:
            hook.remove()
        return shapes

    return measure
