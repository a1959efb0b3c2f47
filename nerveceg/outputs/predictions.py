"""Predictions to files: masks, overlays, predictions.csv and Kaggle's run-length CSV."""

import csv
import io
from pathlib import Path
from typing import NamedTuple

import numpy as np

from nerveceg.data.reading import Reading
from nerveceg.data.runlength import encode_runs
from nerveceg.errors import NerveCegError
from nerveceg.files import replacing, write_text
from nerveceg.outputs.masks import write_mask, write_submission
from nerveceg.outputs.overlays import Mask, draw_overlay
from nerveceg.pipeline import Prediction


class Row(NamedTuple):
    """A frame's line in predictions.csv; area and centre in native pixels, "" without a mask."""

    id: str
    presence: str
    decision: str
    area: int
    row: str
    column: str


class PredictionWriter:
    """Writes each frame's mask and overlay at once, the tables at the end.

    Raises:
        NerveCegError: the folder holds predictions already, or the suffix is no mask format.
    """

    def __init__(
        self, folder: Path, *, mask_suffix: str = ".png", overlays: bool = True, overwrite: bool
    ) -> None:
        if mask_suffix not in (".png", ".tif"):
            raise NerveCegError(f"mask_suffix={mask_suffix}: .png or .tif is wanted")
        if (folder / "predictions.csv").exists() and not overwrite:
            raise NerveCegError(
                f"{folder} holds predictions already: output=OTHER, or overwrite=true replaces them"
            )
        self._folder = folder
        self._suffix = mask_suffix
        self._overlays = overlays
        self._rows: list[Row] = []
        self._runs: list[tuple[str, str]] = []

    def write(self, reading: Reading, prediction: Prediction) -> None:
        """Write one frame's mask and overlay."""
        name = reading.frame.id
        write_mask(self._folder / "masks" / f"{name}{self._suffix}", prediction.mask)
        row = _row(name, prediction)
        if self._overlays:
            caption = f"{name}   presence {row.presence}   {row.decision}"
            picture = draw_overlay(reading.image, prediction.mask, reading.truth, caption=caption)
            with replacing(self._folder / "overlays" / f"{name}.png") as beside:
                picture.save(beside, format="PNG")
        self._rows.append(row)
        self._runs.append((name, encode_runs(prediction.mask)))

    def finish(self) -> list[Row]:
        """Write predictions.csv and submission.csv; returns the rows of the first."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(Row._fields)
        writer.writerows(self._rows)
        write_text(self._folder / "predictions.csv", text.getvalue())
        write_submission(self._folder / "submission.csv", self._runs)
        return self._rows


def _row(name: str, prediction: Prediction) -> Row:
    row, column = _centre(prediction.mask)
    return Row(
        id=name,
        presence=f"{prediction.presence:.4f}",
        decision="nerve" if prediction.mask.any() else "none",
        area=int(prediction.mask.sum()),
        row=row,
        column=column,
    )


def _centre(mask: Mask) -> tuple[str, str]:
    rows, columns = np.nonzero(mask)
    if not rows.size:
        return "", ""
    return f"{rows.mean():.1f}", f"{columns.mean():.1f}"
