"""The head in the middle of a U-Net: does the frame show the nerve?"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from nerveceg.models.two_headed.convolutions import he_convolution


class PresenceHead(nn.Module):
    """How likely each cell of the deepest features is the nerve's, weighed by where it lies.

    A 1x1 convolution and a sigmoid make one map; a dense layer reads it whole, so there is one
    weight a cell of the frame `size`, height and width in pixels, that it is built for. In a frame
    of another size, a scaled view say, the cells are read at the same places of the frame.

    stride: pixels of the frame to a cell.
    """

    def __init__(self, channels: int, *, size: tuple[int, int], stride: int) -> None:
        super().__init__()
        self._size = size
        self._stride = stride
        self._grid = tuple(math.ceil(side / stride) for side in size)
        self.cell = he_convolution(channels, 1, (1, 1))
        self.weigh = nn.Linear(math.prod(self._grid), 1)
        nn.init.xavier_uniform_(self.weigh.weight)
        nn.init.zeros_(self.weigh.bias)

    def forward(self, features: Tensor, size: tuple[int, int]) -> Tensor:
        """Features, float [N, C, ., .], of frames of a size to the presence logit, float [N]."""
        cells = self.cell(features).sigmoid()
        if size != self._size:
            cells = self._at_same_places(cells.float(), size)
        logit: Tensor = self.weigh(cells.flatten(1))
        return logit.squeeze(1)

    def _at_same_places(self, cells: Tensor, size: tuple[int, int]) -> Tensor:
        down, along = (
            self._places(axis, size[axis], cells.shape[2 + axis], cells.device) for axis in (0, 1)
        )
        grid = torch.stack(torch.meshgrid(along, down, indexing="xy"), dim=-1)
        grid = grid.expand(len(cells), -1, -1, -1)
        return functional.grid_sample(cells, grid, padding_mode="border", align_corners=False)

    def _places(self, axis: int, side: int, count: int, device: torch.device) -> Tensor:
        """Where the middles of the trained cells lie among `count` others, from -1 to 1."""
        middle = torch.arange(self._grid[axis], device=device) + 0.5
        return 2 * middle / count * side / self._size[axis] - 1
