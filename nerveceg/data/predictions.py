"""Masks drawn elsewhere, by a model or a reader: a folder of files or a CSV of runs, by frame."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nerveceg.data.folders import find_masks
from nerveceg.data.frames import Frame
from nerveceg.data.images import read_mask
from nerveceg.data.runlength import decode_runs
from nerveceg.data.tables import Row, read_table, require_columns, rows_by_frame
from nerveceg.errors import DataError


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """Masks by frame, and presence where it is stated; no pixels yet.

    source: the folder or the CSV file.
    masks: a mask file, or a row with the column `pixels`, by frame id.
    presence: a row with the column `presence` by frame id; None where there is no such table.
    by_name: the ids are those of Kaggle's `train_masks.csv`, which knows no sub-folders.
    """

    source: Path
    masks: Mapping[str, Path | Row]
    presence: Mapping[str, Row] | None
    by_name: bool = False

    def key(self, frame: Frame) -> str:
        """What the frame is called here."""
        return Path(frame.id).name if self.by_name else frame.id

    def mask_of(self, frame: Frame, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """The frame's mask, bool [H, W] of its image's `shape`.

        Raises:
            DataError: the file or the run-length string is broken, or of another size.
        """
        mask = self.masks[self.key(frame)]
        if isinstance(mask, Path):
            return read_mask(frame._replace(mask=mask), shape)
        try:
            return decode_runs(mask.cells["pixels"], shape)
        except DataError as error:
            raise mask.error(f"mask of frame {self.key(frame)}: {error}") from error

    def presence_of(self, frame: Frame, mask: NDArray[np.bool_]) -> float:
        """The frame's stated presence; where none is stated, 1 if the mask has a pixel, else 0.

        Raises:
            DataError: the table lacks the frame, or states no number in [0, 1].
        """
        if self.presence is None:
            return float(mask.any())
        row = self.presence.get(self.key(frame))
        if row is None:
            table = next(iter(self.presence.values())).path
            raise DataError(f"{table} has no row of frame {self.key(frame)}: add it")
        return _share(row, "presence")


def find_predictions(source: Path) -> Predictions:
    """The masks of a folder, or of a CSV file with the columns (subject,) img, pixels.

    In a folder a mask is called like its frame, with or without `_mask`, in the same sub-folder.
    The output folder of infer.py is taken for the masks within. Presence is read from the
    `predictions.csv` that infer.py writes: in that folder, beside its `masks` or `submission.csv`.

    Raises:
        DataError: nothing is found, or two masks are of one frame.
    """
    if not source.exists():
        raise DataError(f"{source} doesn't exist: a folder of masks or a CSV file is wanted")
    if source.is_file():
        return _of_table(source)
    inferred = (source / "predictions.csv").is_file() and (source / "masks").is_dir()
    folder = source / "masks" if inferred else source
    beside = [folder, folder.parent] if folder.name == "masks" else [folder]
    return Predictions(source=source, masks=find_masks(folder), presence=_presence(*beside))


def _of_table(source: Path) -> Predictions:
    rows = read_table(source)
    by_name = "subject" in rows[0].cells
    masks = rows_by_frame(rows) if by_name else _by_cell(rows, "img", "pixels")
    presence = _presence(source.parent) if source.name == "submission.csv" else None
    return Predictions(source=source, masks=masks, presence=presence, by_name=by_name)


def _presence(*folders: Path) -> dict[str, Row] | None:
    for folder in folders:
        table = folder / "predictions.csv"
        if table.is_file():
            return _by_cell(read_table(table), "id", "presence")
    return None


def _by_cell(rows: list[Row], key: str, value: str) -> dict[str, Row]:
    """Rows by their cell in the column `key`; `value` is a column that must be there too."""
    require_columns(rows, (key, value))
    found: dict[str, Row] = {}
    for row in rows:
        frame = row.cells[key]
        if frame in found:
            raise row.error(f"frame {frame} stands on line {found[frame].line} already")
        found[frame] = row
    return found


def _share(row: Row, column: str) -> float:
    word = row.cells[column]
    try:
        value = float(word)
    except ValueError:
        value = float("nan")
    if not 0 <= value <= 1:
        raise row.error(f'{column} is "{word}": a number in [0, 1] is wanted')
    return value
