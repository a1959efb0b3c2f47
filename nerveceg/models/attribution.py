"""Which parts of a frame a network's score rests on: Grad-CAM and vanilla backprop."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from nerveceg.errors import NerveCegError

Score = Callable[[Tensor], Tensor]
"""What is explained of float32 [N, 1, h, w]: a sum over frames, of a logit each."""


FIXED_GRID = (nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d)
"""Modules that pool what a network has found."""
COARSE = 4
"""Rows of a frame to one of the maps that tell of a segmenter."""


class Outputs:
    """What the modules of a network put out while it runs on frames, [N, 1, h, w]."""

    def __init__(self, frames: torch.Size) -> None:
        self.features: list[Tensor] = []
        """of several channels and places, float [N, C, ...], in order"""
        self.grid = (frames[2], frames[3])
        """rows and columns of the frames, or more once they are padded below and right"""

    def note(self, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        """Remember one module's output; a forward hook."""
        for given in _tensors(inputs):
            if given.ndim == 4 and given.shape[1] == 1:
                rows, columns = given.shape[2:]
                if rows >= self.grid[0] and columns >= self.grid[1]:
                    self.grid = rows, columns
        if not isinstance(module, FIXED_GRID):
            self.features += [made for made in _tensors(output) if _is_wide(made)]

    def is_map(self, features: Tensor) -> bool:
        """Whether these are [N, C, rows, columns] with the aspect of the frame, but for rounding.

        Tokens [N, L, C] aren't, nor are features with the channels last.
        """
        if features.ndim != 4:
            return False
        (height, width), (rows, columns) = self.grid, features.shape[-2:]
        return abs(rows / height - columns / width) <= 1 / height + 1 / width


Order = Callable[[Outputs], Iterable[Tensor]]
"""Which features Grad-CAM tries first: it takes the first that the score depends on."""


def deepest(outputs: Outputs) -> Iterable[Tensor]:
    """Last computed first: of a classifier the features before it pools them, as the paper has."""
    return reversed(outputs.features)


def deepest_coarse(outputs: Outputs) -> Iterable[Tensor]:
    """Likewise, of maps with at most a quarter of the grid's rows.

    There a segmenter's decoder has merged its encoder's levels. Finer maps repeat the mask; those
    of the bottleneck, which Seg-Grad-CAM takes (Vinogradova et al. 2020), are a few pixels wide
    here, and skip connections pass them by.
    """
    rows = outputs.grid[0] / COARSE
    maps = [features for features in deepest(outputs) if outputs.is_map(features)]
    return [features for features in maps if features.shape[2] <= rows]


def backprop(score: Score, image: Tensor) -> Tensor | None:
    """Saliency |d score / d pixel| (Simonyan et al. 2014, section 3).

    image: float32 [N, 1, h, w]. Returns float32 [N, 1, h, w] with a maximum of 1 in each frame,
    or None where the score doesn't depend on the image.
    """
    with _gradients():
        leaf = _leaf(image)
        total = score(leaf)
        if not total.requires_grad:
            return None
        (gradient,) = torch.autograd.grad(total, leaf)
    return _scaled(gradient.abs())


def grad_cam(score: Score, image: Tensor, *, network: nn.Module, order: Order) -> Tensor | None:
    """Features weighted by the mean gradient of their channel, where positive.

    Selvaraju et al. 2017, equations 1 and 2. image: float32 [N, 1, h, w]. network: the part that
    `score` runs whose features count. Returns float32 [N, 1, h, w] with a maximum of 1 in each
    frame (0 where nothing speaks for the score), or None where the score doesn't depend on the
    image.

    Raises:
        NerveCegError: the network ends in something else than feature maps, as transformers do.
    """
    with _gradients():
        leaf = _leaf(image)
        with _watched(network, image.shape) as outputs:
            total = score(leaf)
        if not total.requires_grad:
            return None
        features, gradient = _reached(total, order(outputs))
    if features is None or gradient is None or not outputs.is_map(features):
        raise NerveCegError(_no_map(network, features))
    weights = gradient.mean((2, 3), keepdim=True)
    heat = functional.relu((weights * features.detach()).sum(1, keepdim=True))
    wide = functional.interpolate(heat, outputs.grid, mode="bilinear")
    return _scaled(wide[..., : image.shape[-2], : image.shape[-1]])


def _reached(total: Tensor, features: Iterable[Tensor]) -> tuple[Tensor | None, Tensor | None]:
    """The first features that the score depends on, with its gradient."""
    for one in features:
        if one.requires_grad:
            (gradient,) = torch.autograd.grad(total, one, retain_graph=True, allow_unused=True)
            if gradient is not None:
                return one, gradient
    return None, None


@contextmanager
def _watched(network: nn.Module, frames: torch.Size) -> Iterator[Outputs]:
    outputs = Outputs(frames)
    with ExitStack() as stack:
        for module in network.modules():
            stack.callback(module.register_forward_hook(outputs.note).remove)
        yield outputs


@contextmanager
def _gradients() -> Iterator[None]:
    with torch.inference_mode(False), torch.enable_grad():
        yield


def _leaf(image: Tensor) -> Tensor:
    # A clone, since autograd refuses tensors that were made in inference mode.
    return image.clone().requires_grad_()


def _scaled(heat: Tensor) -> Tensor:
    # Zero stays zero: it means that nothing there speaks for the score.
    return heat / heat.amax((1, 2, 3), keepdim=True).clamp(min=torch.finfo(heat.dtype).tiny)


def _tensors(output: Any) -> list[Tensor]:
    several = output if isinstance(output, list | tuple) else (output,)
    return [one for one in several if isinstance(one, Tensor)]


def _is_wide(features: Tensor) -> bool:
    """Whether there are several channels, of several places each: not so once they are pooled."""
    return features.ndim > 2 and features.shape[1] > 1 and features[0, 0].numel() > 1


def _no_map(network: nn.Module, features: Tensor | None) -> str:
    found = "no features" if features is None else list(features.shape)
    return (
        f"explain=gradcam: this {type(network).__name__} ends in {found}, where maps [N, channels, "
        "rows, columns] are wanted, as convolutional networks have them: take explain=backprop"
    )
