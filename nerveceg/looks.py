"""What networks say of frames that they see in one or more views; tensors or numpy arrays."""

from collections.abc import Sequence

from nerveceg.arrays import Array, namespace
from nerveceg.models.networks import Look, Networks
from nerveceg.views import View, average_logits

EVERY = slice(None)


class Looks:
    """What M members say of N frames in V views; segmenters run when their masks are asked for."""

    def __init__(
        self, looks: Sequence[Sequence[Look]], *, views: Sequence[View], size: tuple[int, ...]
    ) -> None:
        self._looks = looks
        self._views = views
        self._size = size

    @property
    def presence_logits(self) -> Array:
        """float32 [M, V, N]."""
        xp = namespace(self._looks[0][0].presence)
        logits: Array = xp.stack([xp.stack([look.presence for look in m]) for m in self._looks])
        return logits

    def mask_logits(self, places: Array | slice = EVERY) -> Array:
        """Of the n frames at these places, averaged over the views, float32 [M, n, 1, h, w]."""
        masks = [self._average(each, places) for each in self._looks]
        logits: Array = namespace(masks[0]).stack(masks)
        return logits

    def _average(self, looks: Sequence[Look], places: Array | slice) -> Array:
        masks = [
            view.undo(look.mask(places), self._size)
            for view, look in zip(self._views, looks, strict=True)
        ]
        return average_logits(namespace(masks[0]).stack(masks))


def look(members: Sequence[Networks], network_input: Array, *, views: Sequence[View]) -> Looks:
    """What the members say of frames, float32 [N, 1, h, w] in [0, 1]; the gates run now."""
    seen = [view.look(network_input) for view in views]
    looks = [[member.look(image) for image in seen] for member in members]
    return Looks(looks, views=views, size=network_input.shape[-2:])
