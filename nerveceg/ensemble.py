"""The networks of one or more training runs, each of which sees a frame in one or more views."""

from collections.abc import Sequence

import torch
from torch import Tensor

from nerveceg.models.member import Look, Member
from nerveceg.runtime import Runtime
from nerveceg.views import PLAIN, View, average_logits

EVERY = slice(None)


class Looks:
    """What M members say of N frames in V views; segmenters run when their masks are asked for."""

    def __init__(
        self, looks: Sequence[Sequence[Look]], *, views: Sequence[View], size: torch.Size
    ) -> None:
        self._looks = looks
        self._views = views
        self._size = size

    @property
    def presence_logits(self) -> Tensor:
        """float32 [M, V, N]."""
        members = [[look.presence.float() for look in each] for each in self._looks]
        return torch.stack([torch.stack(each) for each in members])

    @torch.inference_mode()
    def mask_logits(self, places: Tensor | slice = EVERY) -> Tensor:
        """Of the n frames at these places, averaged over the views, float32 [M, n, 1, h, w]."""
        return torch.stack([self._average(each, places) for each in self._looks])

    def _average(self, looks: Sequence[Look], places: Tensor | slice) -> Tensor:
        masks = [
            view.undo(look.mask(places).float(), self._size)
            for view, look in zip(self._views, looks, strict=True)
        ]
        return average_logits(torch.stack(masks))


class Ensemble:
    """M members that each look at V views of a frame; one of each is the usual case."""

    def __init__(self, members: Sequence[Member], *, views: Sequence[View] = PLAIN) -> None:
        self.members = [member.eval() for member in members]
        self.views = tuple(views)
        self.use(Runtime(device="cpu"))

    def use(self, runtime: Runtime) -> None:
        """Run on the runtime's device at its precision from now on."""
        self._runtime = runtime
        for member in self.members:
            runtime.place(member)

    @torch.inference_mode()
    def look(self, network_input: Tensor) -> Looks:
        """What the networks say of float32 [N, 1, h, w] in [0, 1]."""
        seen = [view.look(network_input) for view in self.views]
        looks = [
            [member.look(image, autocast=self._runtime.autocast) for image in seen]
            for member in self.members
        ]
        return Looks(looks, views=self.views, size=network_input.shape[-2:])
