"""Masks of any origin to the report that our own get: another model's, or a second reader's."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from tqdm import tqdm

from nerveceg.data.frames import Frame
from nerveceg.data.images import unknown_truth
from nerveceg.data.predictions import Predictions, find_predictions
from nerveceg.data.reading import OnError, Reader, Reading
from nerveceg.errors import DataError
from nerveceg.evaluation.bootstrap import RESAMPLES
from nerveceg.evaluation.report import Report, make_report
from nerveceg.evaluation.results import ResultsBuilder

CURE = "on_error=skip leaves such frames out"
STATED = "predictions.csv, as infer.py wrote it"
UNSTATED = (
    "not stated: 1 where a mask isn't empty, else 0, so that the AUROC is the mean of sensitivity "
    "and specificity"
)


class MaskEvaluation(NamedTuple):
    """How given masks do on some frames."""

    report: Report
    failures: list[str]
    """a line for each frame that has no mask, or whose files couldn't be read"""
    unused: list[str]
    """names of masks that belong to none of the frames"""


def evaluate_masks(
    predictions: Path,
    frames: Sequence[Frame],
    *,
    spacing_mm: float | None = None,
    resamples: int = RESAMPLES,
    facts: Mapping[str, Any] | None = None,
    on_error: OnError = "stop",
    workers: int = 0,
    progress: bool = True,
) -> MaskEvaluation:
    """Score masks, as `find_predictions` finds them, on the frames of known truth.

    A frame counts as let through by the gate iff its mask has a pixel. The report's facts tell
    where presence comes from and how many frames and masks were left out.
    on_error: stop where a frame has no usable mask or a mask no frame, or leave them out.
    workers: processes that decode frames ahead.

    Raises:
        DataError: no frame's truth is known, or none has a mask; with on_error="stop", a frame has
            no mask, a mask no frame, or a file can't be used.
    """
    found = find_predictions(predictions)
    known = [frame for frame in frames if frame.mask is not None]
    if frames and not known:
        raise unknown_truth(frames[0])
    drawn, failures = _with_mask(found, known, on_error)
    unused = _unused(found, frames, on_error)
    reader = Reader(drawn, batch_size=16, truth=True, workers=workers, on_error=on_error)
    counting = _Counting(found, on_error)
    with tqdm(total=len(drawn), desc="evaluating", unit="frame", disable=not progress) as bar:
        for readings in reader:
            for reading in readings:
                counting.add(reading)
            bar.update(len(readings))
    failures += reader.failures + counting.failures
    left_out = {
        "frames of unknown truth": len(frames) - len(known),
        "frames without a usable mask": len(failures),
        "masks of other frames": len(unused),
    }
    report = make_report(
        counting.results.finish(),
        spacing_mm=spacing_mm,
        resamples=resamples,
        facts={**_origin(found), "left_out": left_out, **(facts or {})},
    )
    return MaskEvaluation(report, failures, unused)


class _Counting:
    """Counts frame by frame."""

    def __init__(self, predictions: Predictions, on_error: OnError) -> None:
        self.results = ResultsBuilder()
        self.failures: list[str] = []
        self._predictions = predictions
        self._on_error = on_error

    def add(self, reading: Reading) -> None:
        """Count a frame; one whose mask can't be used stops, or is noted and left out."""
        try:
            self._add(reading)
        except DataError as error:
            if self._on_error == "stop":
                raise DataError(f"{error}; {CURE}") from error
            self.failures.append(str(error))

    def _add(self, reading: Reading) -> None:
        frame = reading.frame
        mask = self._predictions.mask_of(frame, reading.image.shape)
        presence = self._predictions.presence_of(frame, mask)
        drawn, truth = (torch.from_numpy(pixels)[None, None] for pixels in (mask, reading.truth))
        self.results.add(
            [frame.id],
            [frame.subject],
            presence=torch.tensor([presence]),
            passed=drawn.flatten(1).any(1),
            mask=drawn,
            truth=truth,
            groups=[frame.groups],
        )


def _origin(predictions: Predictions) -> dict[str, str]:
    presence = UNSTATED if predictions.presence is None else STATED
    return {"predictions": predictions.source.name, "presence": presence}


def _with_mask(
    predictions: Predictions, frames: Sequence[Frame], on_error: OnError
) -> tuple[list[Frame], list[str]]:
    """The frames that have a mask, and a line for each that has none."""
    drawn = [frame for frame in frames if predictions.key(frame) in predictions.masks]
    missing = [frame for frame in frames if predictions.key(frame) not in predictions.masks]
    if missing and (on_error == "stop" or not drawn):
        raise DataError(
            f"{predictions.source} has no mask of frame {predictions.key(missing[0])} "
            f"({len(missing)} of {len(frames)} frames have none; its first mask is of "
            f"{next(iter(predictions.masks))}): one a frame is wanted, empty where no nerve is "
            f"seen{f'; {CURE}' if drawn else ''}"
        )
    return drawn, [f"{predictions.source} has no mask of frame {f.id}" for f in missing]


def _unused(predictions: Predictions, frames: Sequence[Frame], on_error: OnError) -> list[str]:
    """The names of masks that belong to no frame, also none of unknown truth."""
    asked = {predictions.key(frame) for frame in frames}
    unused = [name for name in predictions.masks if name not in asked]
    if unused and on_error == "stop":
        raise DataError(
            f"{predictions.source} has a mask of {unused[0]}, which is none of the {len(frames)} "
            f"frames ({len(unused)} masks are of others): on_error=skip leaves such masks out"
        )
    return unused
