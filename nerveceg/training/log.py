"""What a run tells while it trains: one JSON line an epoch, and TensorBoard if asked for."""

import json
import logging
from collections.abc import Mapping
from math import inf
from pathlib import Path
from typing import Any

import torch
from torch import nn

from nerveceg.data.dataset import Batch
from nerveceg.files import append_line, write_text
from nerveceg.models.two_heads import Output, mask_of
from nerveceg.processes import is_first

logger = logging.getLogger(__name__)


class TrainingLog:
    """Appends to `log.jsonl` in the stage's folder, and to `tensorboard/` beside it.

    done: the epoch after which the run goes on; what was told of later ones is told again. Of
    several processes the first tells.
    """

    def __init__(self, folder: Path, *, tensorboard: bool, done: int = 0) -> None:
        self._path = folder / "log.jsonl"
        self._board = None
        if is_first():
            self._forget_after(done)
            self._board = _open_board(folder / "tensorboard", done) if tensorboard else None

    def epoch(self, number: int, values: Mapping[str, float]) -> None:
        """Record an epoch's figures, and say them."""
        if not is_first():
            return
        said = ", ".join(f"{name} {value:.4g}" for name, value in values.items())
        logger.info("epoch %d: %s", number, said)
        append_line(self._path, json.dumps({"epoch": number, **values}))
        if self._board is not None:
            for name, value in values.items():
                self._board.add_scalar(name, value, number)

    def weights(self, number: int, model: nn.Module) -> None:
        """Record a histogram of each weight."""
        if self._board is not None:
            for name, parameter in model.named_parameters():
                self._board.add_histogram(name, parameter.detach().float().cpu(), number)

    def images(self, number: int, batch: Batch, output: Output) -> None:
        """Record up to eight frames: image, truth and, where the output has a map, probability."""
        if self._board is None:
            return
        shown = [batch.image[:8], batch.mask[:8].float()]
        mask = mask_of(output)
        if mask is not None:
            shown.append(mask[:8].sigmoid())
        rows = torch.cat([pixels.float().cpu() for pixels in shown], dim=-1)
        self._board.add_images("image | truth | probability", rows, number)

    def close(self) -> None:
        """Flush what is buffered."""
        if self._board is not None:
            self._board.close()

    def _forget_after(self, epoch: int) -> None:
        lines = self._path.read_text(encoding="utf-8").splitlines() if self._path.is_file() else []
        kept = [line for line in lines if _epoch_of(line) <= epoch]
        write_text(self._path, "".join(f"{line}\n" for line in kept))


def _epoch_of(line: str) -> float:
    """A line that was cut off is of no epoch."""
    try:
        return int(json.loads(line)["epoch"])
    except (ValueError, KeyError, TypeError):
        return inf


def _open_board(folder: Path, done: int) -> Any:
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(folder), purge_step=done + 1)
