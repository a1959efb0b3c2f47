"""A network that sees as many frames at once as there is memory for."""

import torch

from nerveceg.arrays import Array
from nerveceg.errors import NerveCegError
from nerveceg.memory import is_out_of_memory
from nerveceg.models.networks import Network
from nerveceg.models.two_heads import Output, TwoHeads


class InBatches:
    """A network that is shown at most so many frames at once.

    most: frames. halve: show half as many from then on where memory is short, rather than stop.
    """

    def __init__(self, network: Network, *, most: int, halve: bool) -> None:
        self._network = network
        self._most = most
        self._halve = halve

    def __call__(self, image: Array) -> Output:
        """Logits of float32 [N, 1, h, w], for any N.

        Raises:
            NerveCegError: out of memory; it names the number of frames that would fit.
        """
        outputs: list[Output] = []
        place, most = 0, self._most
        while place < len(image) or not outputs:
            batch = image[place : place + most]
            output = self._try(batch)
            if output is None:
                most = len(batch) // 2
            else:
                self._settle(most)
                outputs.append(output)
                place += len(batch)
        return outputs[0] if len(outputs) == 1 else _joined(outputs)

    def _try(self, batch: Array) -> Output | None:
        """Its logits; None where there's too little memory for so many frames."""
        try:
            return self._network(batch)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            if len(batch) > 1:
                return None
            raise NerveCegError(
                "out of memory at a single frame: a smaller data.geometry.size or network takes "
                "less, and runtime.device=cpu the memory of the processor"
            ) from error

    def _settle(self, most: int) -> None:
        """Take the number that fitted from now on; a stated one stays, the next call may fit."""
        if self._halve:
            self._most = most
        elif most < self._most:
            raise NerveCegError(
                f"out of memory at runtime.batch_size={self._most}: runtime.batch_size="
                f"{most} fits, and runtime.batch_size=auto finds that by itself"
            )


def _joined(outputs: list[Output]) -> Output:
    two = [output for output in outputs if isinstance(output, TwoHeads)]
    if two:
        return TwoHeads(*(torch.cat(parts) for parts in zip(*two, strict=True)))
    return torch.cat([output for output in outputs if isinstance(output, torch.Tensor)])
