"""The networks of one or more training runs, each of which sees a frame in one or more views."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from nerveceg.engines import Eager, Engine
from nerveceg.engines.batches import InBatches
from nerveceg.looks import Looks, look
from nerveceg.models.member import Member
from nerveceg.models.networks import Network, Networks
from nerveceg.runtime import AUTO, Runtime
from nerveceg.views import PLAIN, View


class Ensemble:
    """M members that each look at V views of a frame; one of each is the usual case."""

    def __init__(self, members: Sequence[Member], *, views: Sequence[View] = PLAIN) -> None:
        self.members = [member.eval() for member in members]
        self.views = tuple(views)
        self.use(Runtime(device="cpu"))

    def use(self, runtime: Runtime, engine: Engine | None = None) -> None:
        """Run on the runtime's device, by the engine, from now on; by torch if none is named."""
        self._runtime, self._engine = runtime, engine or Eager()
        self._loaded: dict[nn.Module, Network] = {}
        for member in self.members:
            runtime.place(member)

    @torch.inference_mode()
    def look(self, network_input: Tensor) -> Looks:
        """What the networks say of float32 [N, 1, h, w] in [0, 1]."""
        networks = [
            Networks(
                None if member.classifier is None else self._load(member.classifier),
                self._load(member.segmenter),
            )
            for member in self.members
        ]
        return look(networks, network_input, views=self.views)

    def _load(self, module: nn.Module) -> Network:
        """The module in the engine, where it stays once it has been there."""
        if module not in self._loaded:
            self._loaded[module] = InBatches(
                self._engine.load(module, self._runtime),
                most=self._runtime.frames_together,
                halve=self._runtime.batch_size == AUTO,
            )
        return self._loaded[module]
