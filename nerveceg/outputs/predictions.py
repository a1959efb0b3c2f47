"""Predictions to files: masks, overlays, predictions.csv and Kaggle's run-length CSV."""

import csv
import io
import logging
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
from PIL import Image

from nerveceg.background import Errands
from nerveceg.data.frames import Frame, natural_key
from nerveceg.data.images import read_image, read_mask_file
from nerveceg.data.reading import Reading
from nerveceg.data.runlength import encode_runs
from nerveceg.data.sources import file_of, rate_of
from nerveceg.errors import DataError, NerveCegError
from nerveceg.explanation import Explanation
from nerveceg.files import write_text
from nerveceg.outputs.explain import draw_explanation
from nerveceg.outputs.masks import write_mask, write_submission
from nerveceg.outputs.movie import write_movie
from nerveceg.outputs.notice import with_notice, write_png
from nerveceg.outputs.overlays import Grey, Mask, draw_overlay
from nerveceg.prediction import Prediction
from nerveceg.processes import agree, gather, is_first, wait

logger = logging.getLogger(__name__)


class Row(NamedTuple):
    """A frame's line in predictions.csv; area and centre in native pixels, "" without a mask."""

    id: str
    presence: str
    decision: str
    area: int
    row: str
    column: str
    expected: str
    """the Dice that the mask is expected to get, honest where the pipeline is calibrated"""
    spread: str
    """standard deviation of presence over folds and views"""
    refer: str
    """yes where a human should look"""


OUTPUTS = (
    "masks",
    "overlays",
    "explanations",
    "movies",
    "predictions.csv",
    "submission.csv",
    "report.json",
    "report.html",
    "gallery.csv",
    "frames.csv",
    "subjects.csv",
    "tally.npz",
)
"""All that inference leaves in a folder."""


class PredictionWriter:
    """Writes each frame's mask and pictures, then the tables; all appear together at the end.

    Several processes write into one `workplace`, on a disk that all of them see.
    movies: write one for each clip that frames come from, for which its extra must be there.
    refer: a frame whose expected score less its spread is below this is for a human to look at.
    explain: makes the heat maps of a frame and its mask that are drawn over it; None draws none.
    Another thread writes the files. Until `finish`, everything lies in `workplace`, a folder
    beside; leaving the `with` block without it leaves nothing.

    Raises:
        NerveCegError: the folder holds predictions already, or the suffix is no mask format.
    """

    def __init__(
        self,
        folder: Path,
        *,
        mask_suffix: str = ".png",
        overlays: bool = True,
        movies: bool = False,
        overwrite: bool,
        refer: float = 0.0,
        explain: Callable[[Grey, Mask], Explanation] | None = None,
    ) -> None:
        if mask_suffix not in (".png", ".tif"):
            raise NerveCegError(f"mask_suffix={mask_suffix}: .png or .tif is wanted")
        taken = [name for name in OUTPUTS if (folder / name).exists()]
        if taken and not overwrite:
            raise NerveCegError(
                f"{folder} holds {taken[0]} already: output=OTHER, or overwrite=true replaces it"
            )
        self.workplace = folder.with_name(f".{folder.name}.{agree(os.getpid)}.part")
        self._folder = folder
        self._suffix = mask_suffix
        self._refer = refer
        self._overlays = overlays
        self._movies = movies
        self._explain = explain
        self._rows: list[Row] = []
        self._clips: dict[str, list[Frame]] = {}
        self._errands = Errands()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._errands.drop()
        shutil.rmtree(self.workplace, ignore_errors=True)

    def write(self, reading: Reading, prediction: Prediction) -> None:
        """Have one frame's mask and pictures written."""
        file = self._place("masks", f"{reading.frame.id}{self._suffix}")
        heat = self._explain and self._explain(reading.image, prediction.mask)
        self._errands.give(partial(self._write, file, reading, prediction, heat))

    def _write(
        self, file: Path, reading: Reading, prediction: Prediction, heat: Explanation | None
    ) -> None:
        name, image, mask, truth = reading.frame.id, reading.image, prediction.mask, reading.truth
        write_mask(file, mask)
        row = _row(name, prediction, self._refer)
        caption = _caption(row)
        if self._overlays:
            self._save("overlays", name, draw_overlay(image, mask, truth, caption=caption))
        if heat is not None:
            picture = draw_explanation(image, mask, truth, heat, caption=caption)
            self._save("explanations", name, picture)
        self._rows.append(row)
        if reading.frame.clip is not None:
            self._clips.setdefault(reading.frame.clip, []).append(reading.frame)

    def finish(self) -> list[Row]:
        """Write the tables and move everything to its place; returns predictions.csv's rows.

        Of all processes: the first reads the masks back and writes the tables, the others wait.
        """
        self._errands.finish()
        self._take_all()
        rows = sorted(self._rows, key=lambda row: natural_key(row.id))
        if is_first():
            self._write_tables(rows)
        wait()
        return rows

    def _take_all(self) -> None:
        """Take what the other processes wrote for one's own."""
        parts = gather((self._rows, self._clips))
        self._rows = [row for rows, _ in parts for row in rows]
        clips = [clip for _, clips in parts for clip in clips.items()]
        self._clips = {}
        for name, frames in clips:
            self._clips.setdefault(name, []).extend(frames)

    def _write_tables(self, rows: Sequence[Row]) -> None:
        """Write what there is one of, and move everything to its place."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(Row._fields)
        writer.writerows(rows)
        write_text(self.workplace / "predictions.csv", text.getvalue())
        ids = [row.id for row in rows]
        write_submission(
            self.workplace / "submission.csv", ids, lambda name: encode_runs(self._mask(name))
        )
        if self._movies:
            self._write_movies({row.id: row for row in rows})
        self._folder.mkdir(parents=True, exist_ok=True)
        for name in OUTPUTS:
            _replace(self._folder / name, self.workplace / name)

    def _write_movies(self, rows: Mapping[str, Row]) -> None:
        """Write each clip's pictures, read once more, with the contours drawn."""
        for clip, frames in self._clips.items():
            frames.sort(key=lambda frame: natural_key(frame.id))
            pictures = (
                _picture(frame.image, rows[frame.id], self._mask(frame.id)) for frame in frames
            )
            path = self._place("movies", f"{clip}.mp4")
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                write_movie(path, pictures, rate=rate_of(file_of(frames[0].image)))
            except DataError as error:  # the masks are there all the same
                logger.warning("no movie of %s: %s", clip, error)

    def _mask(self, name: str) -> Mask:
        """A frame's mask as it was written: of many frames, no memory holds them all."""
        return read_mask_file(self._place("masks", f"{name}{self._suffix}"))

    def _save(self, kind: str, name: str, picture: Image.Image) -> None:
        write_png(self._place(kind, f"{name}.png"), with_notice(picture))

    def _place(self, kind: str, name: str) -> Path:
        path = self.workplace / kind / name
        if not path.resolve().is_relative_to(self.workplace.resolve()):
            raise NerveCegError(f"frame id {name} would be written outside {self._folder}")
        return path


def _replace(old: Path, new: Path) -> None:
    if old.is_dir():
        shutil.rmtree(old)
    else:
        old.unlink(missing_ok=True)
    if new.exists():
        new.rename(old)


def _picture(image: Path, row: Row, mask: Mask) -> Image.Image:
    return draw_overlay(read_image(image), mask, None, caption=_caption(row))


def _caption(row: Row) -> str:
    return f"{row.id}   presence {row.presence}   {row.decision}"


def _row(name: str, prediction: Prediction, refer: float) -> Row:
    row, column = _centre(prediction.mask)
    return Row(
        id=name,
        presence=f"{prediction.presence:.4f}",
        decision="nerve" if prediction.mask.any() else "none",
        area=int(prediction.mask.sum()),
        row=row,
        column=column,
        expected=f"{prediction.expected:.4f}",
        spread=f"{prediction.spread:.4f}",
        refer="yes" if prediction.expected - prediction.spread < refer else "no",
    )


def _centre(mask: Mask) -> tuple[str, str]:
    rows, columns = np.nonzero(mask)
    if not rows.size:
        return "", ""
    return f"{rows.mean():.1f}", f"{columns.mean():.1f}"
