"""How fast this machine multiplies matrices, and how long a network would take at that rate."""

import time

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

PRODUCT = 2048


def rate(dtype: torch.dtype, *, device: str = "cpu") -> float:
    """Operations a second of a matrix product, the best of some."""
    side = PRODUCT if device == "cpu" else 4 * PRODUCT
    one, other = (torch.rand(side, side, device=device).to(dtype) for _ in range(2))
    best = float("inf")
    for _ in range(5):
        wait_for(device)
        start = time.perf_counter()
        _ = one @ other
        wait_for(device)
        best = min(best, time.perf_counter() - start)
    return 2 * side**3 / best


def wait_for(device: str) -> None:
    """Until a GPU has done what it was given."""
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)


def gflop(network: nn.Module, size: tuple[int, int]) -> float:
    """1e9 operations of one frame's convolutions and products."""
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        network(torch.rand(1, 1, *size))
    return counter.get_total_flops() / 1e9


def print_limits(networks: dict[str, nn.Module], size: tuple[int, int]) -> None:
    """What the networks' operations would take at the measured rate, in float32 and bfloat16."""
    for word, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
        speed = rate(dtype) / 1e9
        line = f"{word}: {speed:.0f} GFLOP/s in a product of {PRODUCT}-cubes"
        for name, network in networks.items():
            work = gflop(network, size)
            line += f"; {name} {work:.2f} GFLOP, {1e3 * work / speed:.1f} ms at that rate"
        print(line)


if __name__ == "__main__":
    print_limits({}, (0, 0))
