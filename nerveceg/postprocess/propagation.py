"""Connected parts of masks on any device, a batch at once: labels that spread until none changes.

Every pixel starts with its own number, and takes the smallest among its neighbours' and, by a jump,
that of the pixel whose number it bears; so labels travel along a component in steps that double
(Shiloach & Vishkin, J. Algorithms 1982). What remains is the number of a component's first pixel.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

SWEEPS = 8
"""Rounds between two looks at whether anything changed, each of which waits for the device."""


def can_clean(names: Sequence[str]) -> bool:
    """Whether `clean_batch` knows all of these steps."""
    return set(names) <= _BY_NAME.keys()


def clean_batch(masks: Tensor, names: Sequence[str]) -> Tensor:
    """Masks, bool [N, 1, H, W], after named steps in their order, as `postprocess` on a host.

    The work is done inside the box that holds all of the masks; finding it waits for the device.
    """
    rows, columns = box_of(masks)
    inner = masks[:, :, rows, columns]
    for name in names:
        inner = _BY_NAME[name](inner)
    cleaned = torch.zeros_like(masks)
    cleaned[:, :, rows, columns] = inner
    return cleaned


def box_of(masks: Tensor) -> tuple[slice, slice]:
    """Rows and columns that hold all of the masks, bool [N, 1, H, W]; none where they are empty."""
    both = masks.any(0)[0]
    rows, columns = (_extent(both.any(dim)) for dim in (1, 0))
    return rows, columns


def label(masks: Tensor) -> Tensor:
    """The first pixel, in reading order, of each pixel's 8-connected component, from 1.

    masks: bool [N, 1, H, W]. Returns int64 [N, 1, H, W], 0 outside the masks. Memory is bounded by
    the batch: some six int64 maps of it.
    """
    return _spread(masks, diagonal=True)


def largest_components(masks: Tensor) -> Tensor:
    """The largest 8-connected component of each mask, bool [N, 1, H, W]; the first of equals."""
    labels = label(masks)
    flat = labels.flatten(1)
    areas = flat.new_zeros(len(flat), flat.shape[1] + 1)
    areas.scatter_add_(1, flat, torch.ones_like(flat))
    areas[:, 0] = 0
    # The first of equal areas has the smallest label: `max` doesn't promise which it returns.
    places = torch.arange(areas.shape[1], device=areas.device)
    best = areas.amax(dim=1, keepdim=True)
    first = torch.where(areas == best, places, len(places)).amin(dim=1)
    return masks & (labels == first[:, None, None, None])


def fill_holes_in(masks: Tensor) -> Tensor:
    """Masks, bool [N, 1, H, W], with every hole filled that doesn't touch the frame's border.

    A hole is a 4-connected part of what isn't mask.
    """
    outside = functional.pad(~masks, (1, 1, 1, 1), value=True)
    # The ring around the frame joins all that touches the border, and its corner is label 1.
    return _spread(outside, diagonal=False)[..., 1:-1, 1:-1] != 1


def count_components_of(masks: Tensor) -> Tensor:
    """Numbers of 8-connected components, int64 [N], of masks, bool [N, 1, H, W]."""
    labels = label(masks)
    shape = labels.shape[1:]
    own = torch.arange(1, shape.numel() + 1, device=labels.device).view(shape)
    return (labels == own).flatten(1).sum(dim=1)


def _spread(masks: Tensor, *, diagonal: bool) -> Tensor:
    count = masks.shape[1:].numel()
    labels = torch.arange(1, count + 1, device=masks.device).view(1, *masks.shape[1:]) * masks
    beyond = count + 1
    while True:
        before = labels
        for _ in range(SWEEPS):
            labels = _jump(_hook(labels, masks, beyond, diagonal=diagonal))
        if torch.equal(before, labels):
            return labels


def _hook(labels: Tensor, masks: Tensor, beyond: int, *, diagonal: bool) -> Tensor:
    """Each pixel's, and its label's, smallest label among the neighbours' and its own."""
    least = _least_around(torch.where(masks, labels, beyond), beyond, diagonal=diagonal)
    least = torch.where(masks, least, 0)
    # The pixel whose number another bears hears of what that one found: components merge whole.
    table = least.flatten(1)
    table = functional.pad(table, (1, 0))
    return table.scatter_reduce(1, labels.flatten(1), table[:, 1:], "amin")[:, 1:].view_as(labels)


def _jump(labels: Tensor) -> Tensor:
    """Each pixel takes the label of the pixel whose number it bears."""
    table = functional.pad(labels.flatten(1), (1, 0))
    return table.gather(1, labels.flatten(1)).view_as(labels)


def _least_around(labels: Tensor, beyond: int, *, diagonal: bool) -> Tensor:
    edged = functional.pad(labels, (1, 1, 1, 1), value=beyond)
    across = _least_of_three(edged, dim=3)
    if diagonal:
        return _least_of_three(across, dim=2)
    down = _least_of_three(edged, dim=2)
    return torch.minimum(across[..., 1:-1, :], down[..., :, 1:-1])


def _least_of_three(labels: Tensor, *, dim: int) -> Tensor:
    inner = labels.shape[dim] - 2
    first, middle, last = (labels.narrow(dim, start, inner) for start in range(3))
    return torch.minimum(torch.minimum(first, middle), last)


def _extent(taken: Tensor) -> slice:
    """From the first to the last of places that are taken, bool [L]; empty where none is."""
    places = taken.nonzero()[:, 0].tolist()
    return slice(places[0], places[-1] + 1) if places else slice(0)


_BY_NAME: dict[str, Callable[[Tensor], Tensor]] = {
    "largest_component": largest_components,
    "fill_holes": fill_holes_in,
}
