"""Every frame as predicted by networks that never saw its subject: one compact file a run."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nerveceg.documents import read_arrays
from nerveceg.errors import DataError, NerveCegError
from nerveceg.files import write_bytes

LEVEL_SCALE = 4.0
"""Level k of a map stands for the mask logit 4 ln(k / (255 - k)): saturated ones are told apart."""
LEVEL_MARGIN = 0.25


@dataclass(frozen=True, kw_only=True)
class OutOfFold:
    """F frames, each predicted by the one fold that held it out; nothing is calibrated yet.

    ids, subjects: str [F]. fold: int32 [F].
    logits: float32 [F, V], presence logits by view.
    height, width: int32 [F], native size. truth_area: int64 [F], native pixels.
    levels: uint8 [P], mask logits of all frames one after the other, each at half the native size
        (rounded up), row by row, in steps of `level_logits`.
    truth: uint8 [ceil(P / 8)], the truth at the same pixels, a bit each (`numpy.packbits`): set
        where half of the native pixels are.
    views: the views whose logits were averaged, as JSON. split: what the folds share, as JSON.
    """

    ids: NDArray[np.str_]
    subjects: NDArray[np.str_]
    fold: NDArray[np.int32]
    logits: NDArray[np.float32]
    height: NDArray[np.int32]
    width: NDArray[np.int32]
    truth_area: NDArray[np.int64]
    levels: NDArray[np.uint8]
    truth: NDArray[np.uint8]
    views: NDArray[np.str_]
    split: NDArray[np.str_]

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.ids)

    @property
    def present(self) -> NDArray[np.bool_]:
        """Whether the truth shows the nerve, bool [F]."""
        return self.truth_area > 0

    def maps(self) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.bool_]]]:
        """Levels, uint8 [h, w], and truth, bool [h, w], of one frame after the other."""
        truth = np.unpackbits(self.truth, count=len(self.levels)).view(np.bool_)
        start = 0
        for height, width in zip(self.height, self.width, strict=True):
            half = half_size(int(height), int(width))
            end = start + half[0] * half[1]
            yield self.levels[start:end].reshape(half), truth[start:end].reshape(half)
            start = end

    def save(self, path: Path) -> None:
        """Write everything as one compressed .npz."""
        content = BytesIO()
        columns = {field.name: getattr(self, field.name) for field in fields(self)}
        np.savez_compressed(content, allow_pickle=False, **columns)
        write_bytes(path, content.getvalue())

    @classmethod
    def load(cls, path: Path) -> "OutOfFold":
        """What `save` wrote.

        Raises:
            DataError: the file is missing, broken or of another kind.
        """
        try:
            columns = read_arrays(path)
            return cls(**{field.name: columns[field.name] for field in fields(cls)})
        except (DataError, KeyError) as error:
            raise DataError(
                f"{path} holds no out-of-fold predictions ({error}): train every fold, then run "
                "python tools/evaluate.py"
            ) from error


def half_size(height: int, width: int) -> tuple[int, int]:
    """Size of a frame's map: half the native one, rounded up."""
    return (height + 1) // 2, (width + 1) // 2


def level_logits() -> Tensor:
    """The mask logit that each of the 256 levels stands for, float32 [256]."""
    share = torch.arange(256).float().clamp(LEVEL_MARGIN, 255 - LEVEL_MARGIN) / 255
    return LEVEL_SCALE * share.logit()


def levels_of(probability: Tensor) -> Tensor:
    """Native probabilities, float32 [N, 1, H, W], as levels at half the size, uint8 [N, 1, h, w].

    Raises:
        NerveCegError: a probability is NaN.
    """
    if probability.isnan().any():
        raise NerveCegError(
            "a probability map has NaN: look for overflow in half precision or weights that "
            "diverged in training"
        )
    half = torch.nn.functional.avg_pool2d(probability, 2, ceil_mode=True)
    return ((half.logit() / LEVEL_SCALE).sigmoid() * 255).round().to(torch.uint8)


def half_truth(truth: Tensor) -> Tensor:
    """Native masks, bool [N, 1, H, W], at half the size, bool [N, 1, h, w]."""
    half = torch.nn.functional.avg_pool2d(truth.float(), 2, ceil_mode=True)
    return half >= 0.5
