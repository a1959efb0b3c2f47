"""Probability maps to counts of cleaned masks on a coarse grid of thresholds."""

from collections.abc import Callable

import torch
from torch import Tensor

from nerveceg.evaluation.counts import count_mask, thresholds_of
from nerveceg.postprocess.propagation import box_of

Clean = Callable[[Tensor], Tensor]
"""What is done to masks, bool [N, 1, H, W], before they are counted."""


def count_cleaned(
    probability: Tensor, truth: Tensor, clean: Clean, *, steps: int, inside: bool
) -> tuple[Tensor, Tensor]:
    """Hits and area, int32 [N, steps - 1] each; one threshold's masks are held at a time.

    probability: float [N, 1, H, W]. truth: bool [N, 1, H, W].
    inside: `clean` sets no pixel outside a mask's box, and so sees the widest masks' box alone.
    """
    # One frame at a time has a small box and stays in a processor's cache; a GPU takes them all.
    together = 1 if probability.device.type == "cpu" else max(1, len(probability))
    chunks = zip(torch.split(probability, together), torch.split(truth, together), strict=True)
    counts = [_count(*chunk, clean, steps=steps, inside=inside) for chunk in chunks]
    hits, area = (torch.cat(column) for column in zip(*counts, strict=True))
    return hits, area


def _count(
    probability: Tensor, truth: Tensor, clean: Clean, *, steps: int, inside: bool
) -> tuple[Tensor, Tensor]:
    maps, grid = probability.float(), thresholds_of(steps).tolist()
    if inside:
        rows, columns = box_of(maps >= grid[0])
        maps, truth = maps[..., rows, columns], truth[..., rows, columns].contiguous()
    counts = [count_mask(clean(maps >= threshold), truth) for threshold in grid]
    hits, area = (torch.stack(column, dim=1) for column in zip(*counts, strict=True))
    return hits, area
