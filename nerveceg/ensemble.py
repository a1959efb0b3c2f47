"""The networks of one or more training runs, each of which sees a frame in one or more views."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from nerveceg.models.member import Member
from nerveceg.runtime import Runtime
from nerveceg.views import PLAIN, View, average_logits


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
    def presence_logits(self, network_input: Tensor) -> Tensor:
        """Presence logits, float32 [M, V, N], of float32 [N, 1, h, w] in [0, 1]."""
        return torch.stack(
            [
                torch.stack(
                    [self._run(member.presence, view, network_input) for view in self.views]
                )
                for member in self.members
            ]
        )

    @torch.inference_mode()
    def mask_logits(self, network_input: Tensor) -> Tensor:
        """Mask logits averaged over the views, float32 [M, N, 1, h, w], of float32 [N, 1, h, w]."""
        return torch.stack([self._mask_logit(member, network_input) for member in self.members])

    def _mask_logit(self, member: Member, network_input: Tensor) -> Tensor:
        size = network_input.shape[-2:]
        looks = [
            view.undo(self._run(member.mask, view, network_input), size) for view in self.views
        ]
        return average_logits(torch.stack(looks))

    def _run(self, network: Callable[[Tensor], Tensor], view: View, image: Tensor) -> Tensor:
        with self._runtime.autocast():
            return network(view.look(image)).float()
