"""Heat maps at native pixels: where in a frame a pipeline's gate and segmenter look."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nerveceg.errors import NerveCegError
from nerveceg.models.attribution import (
    Order,
    Score,
    backprop,
    deepest,
    deepest_coarse,
    grad_cam,
)
from nerveceg.models.member import Member
from nerveceg.models.two_heads import TwoHeads
from nerveceg.pipeline import Pipeline
from nerveceg.prediction import Grey, Mask

METHODS = ("gradcam", "backprop")
Heat = NDArray[np.float32]


class Explanation(NamedTuple):
    """Where the networks look in one frame; 0 where nothing speaks for what they say.

    None in place of one that says the same of every frame, as no gate does.
    """

    gate: Heat | None
    """float32 [H, W] in [0, 1], of the presence logit"""
    segmenter: Heat | None
    """float32 [H, W] in [0, 1], of the sum of mask logits over the drawn pixels"""


class Explainer:
    """Grad-CAM or backpropagation to the pixels, for the networks of a pipeline.

    Several members' maps are averaged, as their probabilities are. Networks run in float32 and see
    the frame itself, whatever the pipeline's precision and views.

    method: gradcam | backprop.
    """

    def __init__(self, pipeline: Pipeline, *, method: str) -> None:
        self.method = method
        self._pipeline = pipeline

    @torch.inference_mode(False)  # gradients don't flow through what is made in it
    def explain(self, image: Grey, mask: Mask) -> Explanation:
        """Heat maps of a frame, uint8 [H, W], and the mask, bool [H, W], that it was given.

        The segmenter's is of the drawn pixels (Vinogradova et al. 2020); of a frame without any,
        of each member's own pixels above .5, and without these too, of its likeliest one.

        Raises:
            NerveCegError: Grad-CAM of a network without feature maps, such as a transformer.
        """
        frame = self._pipeline.network_input([image])
        native = torch.from_numpy(mask)[None, None]
        drawn = self._pipeline.geometry.forward_mask(native).to(frame.device)
        members = self._pipeline.ensemble.members
        gates = [self._gate(member, frame) for member in members]
        masks = [self._segmenter(member, frame, drawn) for member in members]
        return Explanation(*(self._native(heats, image.shape) for heats in (gates, masks)))

    def _gate(self, member: Member, frame: Tensor) -> Tensor | None:
        def score(image: Tensor) -> Tensor:
            return member.look(image).presence.sum()

        return self._heat(score, frame, member.classifier or member.segmenter, deepest)

    def _segmenter(self, member: Member, frame: Tensor, drawn: Tensor) -> Tensor | None:
        def score(image: Tensor) -> Tensor:
            output = member.segmenter(image)
            logit: Tensor = output.mask if isinstance(output, TwoHeads) else output
            return logit[_of_interest(drawn, logit)].sum()

        return self._heat(score, frame, member.segmenter, deepest_coarse)

    def _heat(self, score: Score, frame: Tensor, network: nn.Module, order: Order) -> Tensor | None:
        if self.method == "backprop":
            return backprop(score, frame)
        return grad_cam(score, frame, network=network, order=order)

    def _native(self, heats: list[Tensor | None], shape: tuple[int, ...]) -> Heat | None:
        """The mean of the members' maps, float32 [1, 1, h, w] each, at native pixels."""
        found = [heat for heat in heats if heat is not None]
        if not found:
            return None
        mean = torch.cat(found).mean(0, keepdim=True)
        heat: Heat = self._pipeline.geometry.restore(mean, (shape[0], shape[1]))[0, 0].cpu().numpy()
        return heat


def make_explainer(pipeline: Pipeline, method: str | None) -> Explainer | None:
    """The explainer of that method; none for None and "none".

    Raises:
        NerveCegError: an unknown method.
    """
    if method in (None, "none"):
        return None
    if method not in METHODS:
        raise NerveCegError(f"explain={method}: none, {' or '.join(METHODS)} is wanted")
    return Explainer(pipeline, method=method)


def _of_interest(drawn: Tensor, logit: Tensor) -> Tensor:
    """The drawn pixels, else those whose probability is above .5, else the likeliest one."""
    for pixels in (drawn, logit > 0):
        if pixels.any():
            return pixels
    return logit == logit.max()
