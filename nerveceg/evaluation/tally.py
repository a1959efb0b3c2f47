"""Counts of every frame at every threshold: the score of any plain rule without the networks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from io import BytesIO
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nerveceg.errors import DataError, NerveCegError
from nerveceg.evaluation.counts import STEPS, Counts, count_hits, count_pixels, dice, thresholds_of
from nerveceg.files import write_bytes

CLEAN_STEPS = 20
Clean = Callable[[NDArray[np.bool_]], NDArray[np.bool_]]


@dataclass(frozen=True, kw_only=True)
class Tally:
    """Counts of F frames at K thresholds, and of the cleaned masks at L thresholds (L may be 0).

    ids, subjects: str [F].
    presence: float32 [F] in [0, 1], calibrated.
    truth_area: int32 [F], pixels of the truth.
    hits, area: int32 [F, K], pixels of `probability >= k / (K + 1)`, k = 1 .. K.
    clean_hits, clean_area: int32 [F, L], the same on a grid of L after cleaning.
    """

    ids: NDArray[np.str_]
    subjects: NDArray[np.str_]
    presence: NDArray[np.float32]
    truth_area: NDArray[np.int32]
    hits: NDArray[np.int32]
    area: NDArray[np.int32]
    clean_hits: NDArray[np.int32]
    clean_area: NDArray[np.int32]

    def score(
        self,
        presence_threshold: float,
        mask_threshold: float,
        *,
        cleaned: bool = False,
        minimum_area: int = 0,
    ) -> NDArray[np.float64]:
        """Dice per frame, float64 [F], under a plain rule.

        A frame keeps its mask iff presence > presence_threshold and the mask has at least
        `minimum_area` pixels; the mask is probability >= mask_threshold.

        Raises:
            NerveCegError: no counts were kept at that mask threshold, or none of cleaned masks.
        """
        counts = self.counts(mask_threshold, cleaned=cleaned)
        passed = self.presence > np.float32(presence_threshold)
        kept = passed & (counts.area >= minimum_area)
        return dice(Counts(*(np.where(kept, column, 0) for column in counts)), self.truth_area)

    def counts(self, mask_threshold: float, *, cleaned: bool = False) -> Counts:
        """Hits and area, int64 [F], of the masks at one tallied threshold, before the gate.

        Raises:
            NerveCegError: as in `score`.
        """
        hits, area = (self.clean_hits, self.clean_area) if cleaned else (self.hits, self.area)
        if not hits.shape[1]:
            raise NerveCegError("this tally has no counts of cleaned masks: tally with clean=...")
        column = _column(mask_threshold, thresholds_of(hits.shape[1] + 1))
        return Counts(hits[:, column].astype(np.int64), area[:, column].astype(np.int64))

    def save(self, path: Path) -> None:
        """Write the table as one compressed .npz."""
        content = BytesIO()
        columns = {field.name: getattr(self, field.name) for field in fields(self)}
        np.savez_compressed(content, allow_pickle=False, **columns)
        write_bytes(path, content.getvalue())

    @classmethod
    def load(cls, path: Path) -> "Tally":
        """The table that `save` wrote.

        Raises:
            DataError: the file is missing, broken or no tally.
        """
        try:
            with np.load(path, allow_pickle=False) as columns:
                return cls(**{field.name: columns[field.name] for field in fields(cls)})
        except (OSError, ValueError, KeyError, BadZipFile) as error:
            raise DataError(f"{path} is no tally ({error}): make it with evaluate") from error


class TallyBuilder:
    """Gathers the counts batch by batch; they stay on their device until `finish`."""

    def __init__(self, *, clean: Clean | None = None) -> None:
        """Count cleaned masks too if `clean`, bool [H, W] to bool [H, W], is given: it is slow."""
        self._clean = clean
        self._names: list[tuple[str, str]] = []
        self._presence: list[Tensor] = []
        self._counts: list[Tensor] = []

    def add(
        self,
        ids: Sequence[str],
        subjects: Sequence[str],
        *,
        presence: Tensor,
        probability: Tensor,
        truth: Tensor,
    ) -> None:
        """Count N frames of one native size.

        Args:
            ids: N names of frames.
            subjects: N names of subjects.
            presence: float [N] in [0, 1].
            probability: float [N, 1, H, W] in [0, 1].
            truth: bool [N, 1, H, W].
        """
        self._names.extend(zip(ids, subjects, strict=True))
        finite = (probability.sum((1, 2, 3), dtype=torch.float32) + presence).isfinite()
        columns = [finite[:, None], count_pixels(truth)[:, None], *count_hits(probability, truth)]
        if self._clean:
            columns += _count_cleaned(probability, truth, self._clean)
        self._presence.append(presence.float())
        self._counts.append(torch.cat([column.to(torch.int32) for column in columns], dim=1))

    def finish(self) -> Tally:
        """The table on the host; the one place that waits for the device.

        Raises:
            NerveCegError: no frame was added, or a frame's presence or probability is NaN or
                infinite.
        """
        if not self._names:
            raise NerveCegError("no frame was tallied: give at least one")
        names = np.array(self._names)
        table = torch.cat(self._counts).cpu().numpy()
        _refuse_broken(names[:, 0], table[:, 0])
        clean = CLEAN_STEPS - 1 if self._clean else 0
        ends = np.cumsum([1, 1, STEPS - 1, STEPS - 1, clean])
        _, truth_area, hits, area, clean_hits, clean_area = np.split(table, ends, axis=1)
        return Tally(
            ids=names[:, 0],
            subjects=names[:, 1],
            presence=torch.cat(self._presence).cpu().numpy(),
            truth_area=truth_area[:, 0],
            hits=hits,
            area=area,
            clean_hits=clean_hits,
            clean_area=clean_area,
        )


def _count_cleaned(probability: Tensor, truth: Tensor, clean: Clean) -> tuple[Tensor, Tensor]:
    """Hits and area, int32 [N, CLEAN_STEPS - 1] each, of masks cleaned one by one on the host."""
    maps, truths = probability.float().cpu().numpy()[:, 0], truth.cpu().numpy()[:, 0]
    grid = thresholds_of(CLEAN_STEPS)
    counts = np.zeros((2, len(maps), len(grid)), dtype=np.int32)
    for frame, column in np.ndindex(counts.shape[1:]):
        mask = clean(maps[frame] >= grid[column])
        counts[:, frame, column] = (mask & truths[frame]).sum(), mask.sum()
    hits, area = torch.from_numpy(counts).to(probability.device)
    return hits, area


def _column(threshold: float, grid: NDArray[np.float32]) -> int:
    column = int(np.searchsorted(grid, np.float32(threshold)))
    if column < len(grid) and grid[column] == np.float32(threshold):
        return column
    below = min(max(column - 1, 0), len(grid) - 2)
    raise NerveCegError(
        f"mask threshold {threshold} isn't in the tally: take {grid[below]:.2f} or "
        f"{grid[below + 1]:.2f}, the nearest that are"
    )


def _refuse_broken(ids: NDArray[np.str_], finite: NDArray[np.int32]) -> None:
    broken = np.flatnonzero(finite == 0)
    if broken.size:
        raise NerveCegError(
            f"frame {ids[broken[0]]} has a NaN or infinite presence or probability"
            f" ({broken.size} of {len(ids)} frames have): look for overflow in half precision or "
            "weights that diverged in training"
        )
