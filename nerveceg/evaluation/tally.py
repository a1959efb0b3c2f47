"""Counts of every frame at every threshold: the score of any plain rule without the networks."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nerveceg.decision import Drawing
from nerveceg.documents import read_arrays
from nerveceg.errors import DataError, NerveCegError
from nerveceg.evaluation.cleaned import Clean, count_cleaned
from nerveceg.evaluation.counts import (
    STEPS,
    Counts,
    column_of,
    count_hits,
    count_mask,
    count_pixels,
    dice,
    thresholds_of,
)
from nerveceg.evaluation.growing import Growing, Names
from nerveceg.files import write_bytes

CLEAN_STEPS = 20
OUT_OF_FOLD, HELD_OUT = "out of fold", "held out"


@dataclass(frozen=True, kw_only=True)
class Tally:
    """Counts of F frames at K thresholds, and of the cleaned masks at L thresholds (L may be 0).

    ids, subjects: str [F].
    presence: float32 [F] in [0, 1], calibrated.
    truth_area: int32 [F], pixels of the truth.
    hits, area: int32 [F, K], pixels of `probability >= k / (K + 1)`, k = 1 .. K, after the blur.
    clean_hits, clean_area: int32 [F, L], the same on a grid of L after cleaning.
    expected: float32 [F], the Dice that the best mask is expected to have if the nerve is there;
        NaN where the best masks weren't drawn.
    best_hits, best_area: int32 [F], pixels of the best mask, cleaned.
    origin: str [], OUT_OF_FOLD or HELD_OUT: what the frames were to the networks.
    blur: int [], as `Rule.blur`, of every mask but the best; 0 in files of earlier versions.
    """

    ids: NDArray[np.str_]
    subjects: NDArray[np.str_]
    presence: NDArray[np.float32]
    truth_area: NDArray[np.int32]
    hits: NDArray[np.int32]
    area: NDArray[np.int32]
    clean_hits: NDArray[np.int32]
    clean_area: NDArray[np.int32]
    expected: NDArray[np.float32]
    best_hits: NDArray[np.int32]
    best_area: NDArray[np.int32]
    origin: NDArray[np.str_]
    blur: NDArray[np.int_] = field(default_factory=lambda: np.array(0))

    def score(
        self,
        presence_threshold: float | None,
        mask_threshold: float | None,
        *,
        cleaned: bool = False,
        minimum_area: int = 0,
    ) -> NDArray[np.float64]:
        """Dice per frame, float64 [F], under a rule.

        A frame keeps its mask iff presence > presence_threshold, or for None iff presence *
        expected > 1 - presence, and the mask has at least `minimum_area` pixels; the mask is
        probability >= mask_threshold, or for None the best one.

        Raises:
            NerveCegError: no counts were kept at that mask threshold, none of cleaned masks, or
                none of best masks.
        """
        counts = self.counts(mask_threshold, cleaned=cleaned)
        passed = self.passed(presence_threshold)
        kept = passed & (counts.area >= minimum_area)
        return dice(Counts(*(np.where(kept, column, 0) for column in counts)), self.truth_area)

    def passed(self, presence_threshold: float | None) -> NDArray[np.bool_]:
        """Whether the gate lets each frame through, bool [F], as in `score`."""
        if presence_threshold is not None:
            return np.asarray(self.presence > np.float32(presence_threshold))
        self._require_best()
        return np.asarray(self.presence * self.expected > 1 - self.presence)

    def counts(self, mask_threshold: float | None, *, cleaned: bool = False) -> Counts:
        """Hits and area, int64 [F], of the masks at one tallied threshold, before the gate.

        Raises:
            NerveCegError: as in `score`.
        """
        if mask_threshold is None:
            self._require_best()
            return Counts(self.best_hits.astype(np.int64), self.best_area.astype(np.int64))
        hits, area = (self.clean_hits, self.clean_area) if cleaned else (self.hits, self.area)
        if not hits.shape[1]:
            raise NerveCegError("this tally has no counts of cleaned masks: tally with clean=...")
        column = column_of(mask_threshold, thresholds_of(hits.shape[1] + 1))
        return Counts(hits[:, column].astype(np.int64), area[:, column].astype(np.int64))

    def choose(self, frames: NDArray[Any]) -> "Tally":
        """The tally of some frames alone; frames: bool [F] or places int [n]."""
        names = [name for name in self.__dataclass_fields__ if name not in ("origin", "blur")]
        return replace(self, **{name: getattr(self, name)[frames] for name in names})

    def _require_best(self) -> None:
        if np.isnan(self.expected).any():
            raise NerveCegError(
                "this tally has no best masks: the joint rule needs a tally made by evaluate"
            )

    def save(self, path: Path) -> None:
        """Write the table as one compressed .npz."""
        content = BytesIO()
        columns = {name: getattr(self, name) for name in self.__dataclass_fields__}
        np.savez_compressed(content, allow_pickle=False, **columns)
        write_bytes(path, content.getvalue())

    @classmethod
    def load(cls, path: Path) -> "Tally":
        """The table that `save` wrote.

        Raises:
            DataError: the file is missing, broken or no tally.
        """
        try:
            columns = read_arrays(path)
            later = {"blur": np.array(0)} if "blur" not in columns else {}
            names = cls.__dataclass_fields__.keys() - later
            return cls(**{name: columns[name] for name in names}, **later)
        except (DataError, KeyError) as error:
            raise DataError(f"{path} is no tally ({error}): make it with evaluate") from error


class TallyBuilder:
    """Gathers the counts batch by batch; they stay on their device until `finish`."""

    def __init__(
        self,
        *,
        clean: Clean | None = None,
        inside: bool = False,
        blur: int = 0,
        origin: str = HELD_OUT,
    ) -> None:
        """Count cleaned masks too if `clean` is given, bool [N, 1, H, W] to the same: it is slow.

        inside: `clean` sets no pixel outside a mask's box, and so is asked about boxes alone.

        blur: what was done to the probabilities that are added, for the record.
        """
        self._origin, self._blur = origin, blur
        self._clean, self._inside = clean, inside
        self._names = Names()
        self._presence = Growing()
        self._expected = Growing()
        self._counts = Growing()

    def add(
        self,
        ids: Sequence[str],
        subjects: Sequence[str],
        *,
        presence: Tensor,
        probability: Tensor,
        truth: Tensor,
        best: Drawing | None = None,
    ) -> None:
        """Count N frames of one native size.

        Args:
            ids: N names of frames.
            subjects: N names of subjects.
            presence: float [N] in [0, 1].
            probability: float [N, 1, H, W] in [0, 1].
            truth: bool [N, 1, H, W].
            best: the best masks, cleaned, and their expected Dice.
        """
        self._names.add(ids, subjects)
        finite = (probability.sum((1, 2, 3), dtype=torch.float32) + presence).isfinite()
        drawn = torch.zeros_like(truth) if best is None else best.mask
        columns = [finite, count_pixels(truth), *count_mask(drawn, truth)]
        columns = [column[:, None] for column in columns] + [*count_hits(probability, truth)]
        if self._clean:
            columns += count_cleaned(
                probability, truth, self._clean, steps=CLEAN_STEPS, inside=self._inside
            )
        self._presence.add(presence.float())
        unknown = torch.full_like(presence, float("nan"), dtype=torch.float32)
        self._expected.add(unknown if best is None else best.expected)
        self._counts.add(torch.cat([column.to(torch.int32) for column in columns], dim=1))

    def finish(self) -> Tally:
        """The table on the host; the one place that waits for the device.

        Raises:
            NerveCegError: no frame was added, or a frame's presence or probability is NaN or
                infinite.
        """
        if not self._names:
            raise NerveCegError("no frame was tallied: give at least one")
        ids, subjects = self._names.columns()
        table = self._counts.all().cpu().numpy()
        _refuse_broken(ids, table[:, 0])
        clean = CLEAN_STEPS - 1 if self._clean else 0
        ends = np.cumsum([4, STEPS - 1, STEPS - 1, clean])
        single, hits, area, clean_hits, clean_area = np.split(table, ends, axis=1)
        _, truth_area, best_hits, best_area = single.T
        return Tally(
            ids=ids,
            subjects=subjects,
            presence=self._presence.all().cpu().numpy(),
            truth_area=truth_area,
            hits=hits,
            area=area,
            clean_hits=clean_hits,
            clean_area=clean_area,
            expected=self._expected.all().cpu().numpy(),
            best_hits=best_hits,
            best_area=best_area,
            origin=np.array(self._origin),
            blur=np.array(self._blur),
        )


def _refuse_broken(ids: NDArray[np.str_], finite: NDArray[np.int32]) -> None:
    broken = np.flatnonzero(finite == 0)
    if broken.size:
        raise NerveCegError(
            f"frame {ids[broken[0]]} has a NaN or infinite presence or probability"
            f" ({broken.size} of {len(ids)} frames have): look for overflow in half precision or "
            "weights that diverged in training"
        )
