"""One row a frame, all that the report needs: made once, while the frames are evaluated."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nerveceg.errors import NerveCegError
from nerveceg.evaluation.baselines import ConstantMask
from nerveceg.evaluation.counts import Counts, count_mask, count_pixels, dice
from nerveceg.evaluation.growing import Growing, Names
from nerveceg.evaluation.surface import SurfaceScores, surface_scores
from nerveceg.postprocess import count_components

if TYPE_CHECKING:
    import pandas as pd

Surface = Callable[[NDArray[np.bool_], NDArray[np.bool_]], SurfaceScores]


@dataclass(frozen=True, kw_only=True)
class Results:
    """What happened to F frames; every column has F entries.

    ids, subjects: str. groups: further columns of str by name, such as the device.
    height, width: int64, native size. truth_area: int64, pixels of the truth.
    presence: float32 in [0, 1], calibrated. passed: bool, the gate let the frame through.
    mask: the segmenter's mask after thresholding and post-processing, before the gate.
    constant: the constant mask; None where there was none to compare with.
    hd95: float64, pixels, of the segmenter's mask; nsd: float64 in [0, 1]. NaN where undefined.
    row, column: float64, pixels, the centre of the segmenter's mask; NaN where it is empty.
    contours, truth_contours: float64, 8-connected components of the segmenter's mask and of the
        truth; NaN where they weren't counted.
    expected: float32 in [0, 1], the Dice that the final mask was expected to get; spread: float32,
        standard deviation of presence over members and views. NaN where the masks came as files.
    """

    ids: NDArray[np.str_]
    subjects: NDArray[np.str_]
    groups: Mapping[str, NDArray[np.str_]]
    height: NDArray[np.int64]
    width: NDArray[np.int64]
    truth_area: NDArray[np.int64]
    presence: NDArray[np.float32]
    passed: NDArray[np.bool_]
    mask: Counts
    constant: Counts | None
    hd95: NDArray[np.float64]
    nsd: NDArray[np.float64]
    row: NDArray[np.float64]
    column: NDArray[np.float64]
    contours: NDArray[np.float64]
    truth_contours: NDArray[np.float64]
    expected: NDArray[np.float32]
    spread: NDArray[np.float32]

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.ids)

    @property
    def nerve(self) -> NDArray[np.bool_]:
        """Whether the truth shows the nerve, bool [F]."""
        return self.truth_area > 0

    @property
    def final(self) -> Counts:
        """Counts of the mask that the two stages give together: the segmenter's iff passed."""
        return Counts(*(np.where(self.passed, pixels, 0) for pixels in self.mask))

    def dice(self) -> NDArray[np.float64]:
        """Dice of the final mask per frame, float64 [F]; both empty is 1."""
        return dice(self.final, self.truth_area)

    def table(self) -> pd.DataFrame:
        """One row a frame, for a CSV file."""
        import pandas as pd

        constant = self.constant or Counts(*(np.full(len(self), np.nan),) * 2)
        return pd.DataFrame(
            {
                "id": self.ids,
                "subject": self.subjects,
                **{f"group_{name}": labels for name, labels in self.groups.items()},
                "height": self.height,
                "width": self.width,
                "truth_area": self.truth_area,
                "presence": self.presence,
                "passed": self.passed,
                "hits": self.mask.hits,
                "area": self.mask.area,
                "constant_hits": constant.hits,
                "constant_area": constant.area,
                "dice": self.dice(),
                "hd95": self.hd95,
                "nsd": self.nsd,
                "row": self.row,
                "column": self.column,
                "contours": self.contours,
                "truth_contours": self.truth_contours,
                "expected": self.expected,
                "spread": self.spread,
            }
        )


class ResultsBuilder:
    """Gathers the rows batch by batch; counts stay on their device until `finish`."""

    def __init__(
        self, *, constant: ConstantMask | None = None, surface: Surface | None = surface_scores
    ) -> None:
        """Compare with `constant` where given.

        Where `surface` is None, leave distances and contours out: they need masks on the host, and
        every batch waits for the device.
        """
        self.constant = constant
        self._surface = surface
        self._names = Names()
        self._groups: list[Mapping[str, str]] = []
        self._sizes = Growing()
        self._presence = Growing()
        self._expected = Growing()
        self._spread = Growing()
        self._counts = Growing()
        self._outlines = Growing()

    def __len__(self) -> int:
        """Number of frames so far."""
        return len(self._names)

    def add(
        self,
        ids: Sequence[str],
        subjects: Sequence[str],
        *,
        presence: Tensor,
        passed: Tensor,
        mask: Tensor,
        truth: Tensor,
        groups: Sequence[Mapping[str, str]] | None = None,
        expected: Tensor | None = None,
        spread: Tensor | None = None,
    ) -> None:
        """Count N frames of one native size.

        Args:
            ids: N names of frames.
            subjects: N names of subjects.
            presence: float [N] in [0, 1], calibrated.
            passed: bool [N], the gate's decision.
            mask: bool [N, 1, H, W], the segmenter's mask before the gate.
            truth: bool [N, 1, H, W].
            groups: N mappings of further columns; a column that a frame lacks is "" there.
            expected: float [N] in [0, 1], the Dice that the final mask is expected to get.
            spread: float [N], standard deviation of presence over members and views.
        """
        self._names.add(ids, subjects)
        self._groups.extend(groups or [{}] * len(ids))
        self._sizes.add(torch.tensor(mask.shape[2:]).expand(len(ids), 2))
        self._presence.add(presence.float())
        unknown = torch.full_like(presence, float("nan"), dtype=torch.float32)
        for kept, column in ((self._expected, expected), (self._spread, spread)):
            kept.add(unknown if column is None else column.float())
        columns = [passed, *count_mask(mask, truth), count_pixels(truth), *_moments(mask)]
        if self.constant:
            constant = self.constant.at(mask.shape[2], mask.shape[3]).to(mask.device)
            columns += count_mask(constant.expand_as(truth), truth)
        self._counts.add(torch.stack([column.to(torch.int64) for column in columns], dim=1))
        self._outlines.add(_outlines(mask, truth, self._surface))

    def finish(self) -> Results:
        """The columns on the host.

        Raises:
            NerveCegError: no frame was added.
        """
        if not self._names:
            raise NerveCegError("no frame was evaluated: give at least one")
        ids, subjects = self._names.columns()
        height, width = self._sizes.all().numpy().T
        passed, hits, area, truth_area, rows, columns, *constant = self._counts.all().cpu().T
        hd95, nsd, contours, truth_contours = self._outlines.all().numpy().T
        return Results(
            ids=ids,
            subjects=subjects,
            groups=_columns(self._groups),
            height=height,
            width=width,
            truth_area=truth_area.numpy(),
            presence=self._presence.all().cpu().numpy(),
            passed=passed.bool().numpy(),
            mask=Counts(hits.numpy(), area.numpy()),
            constant=Counts(*(column.numpy() for column in constant)) if constant else None,
            hd95=hd95,
            nsd=nsd,
            row=_mean(rows.numpy(), area.numpy()),
            column=_mean(columns.numpy(), area.numpy()),
            contours=contours,
            truth_contours=truth_contours,
            expected=self._expected.all().cpu().numpy(),
            spread=self._spread.all().cpu().numpy(),
        )


def _moments(mask: Tensor) -> tuple[Tensor, Tensor]:
    """Sum of row and of column numbers over a mask's pixels, int64 [N] each."""
    by_row, by_column = count_pixels(mask, (1, 3)), count_pixels(mask, (1, 2))
    rows = torch.arange(mask.shape[2], device=mask.device)
    columns = torch.arange(mask.shape[3], device=mask.device)
    return (by_row * rows).sum(1), (by_column * columns).sum(1)


def _mean(total: NDArray[np.int64], area: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.where(area == 0, np.nan, total / np.maximum(area, 1))


def _outlines(mask: Tensor, truth: Tensor, surface: Surface | None) -> Tensor:
    """HD95, NSD and the numbers of contours, float64 [N, 4]; NaN where there is no `surface`."""
    if surface is None:
        return torch.full((len(mask), 4), float("nan"), dtype=torch.float64)
    pairs = zip(mask[:, 0].cpu().numpy(), truth[:, 0].cpu().numpy(), strict=True)
    rows = [(*surface(*pair), *map(count_components, pair)) for pair in pairs]
    return torch.tensor(rows, dtype=torch.float64).reshape(-1, 4)


def _columns(groups: Sequence[Mapping[str, str]]) -> dict[str, NDArray[np.str_]]:
    names = dict.fromkeys(name for row in groups for name in row)
    return {name: np.array([row.get(name, "") for row in groups]) for name in names}
