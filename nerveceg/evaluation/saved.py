"""A saved report's frames.csv back to results, so that runs can be compared from disk."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nerveceg.errors import DataError
from nerveceg.evaluation.counts import Counts
from nerveceg.evaluation.results import Results

if TYPE_CHECKING:
    import pandas as pd

GROUP = "group_"


def read_results(folder: Path) -> Results:
    """The results whose table `Report.save` wrote into a folder, exactly.

    Raises:
        DataError: there is no frames.csv, or it isn't such a table.
    """
    import pandas as pd

    path = folder / "frames.csv"
    if not path.is_file():
        raise DataError(
            f"{path} doesn't exist: make it with python tools/evaluate.py output={folder}"
        )
    try:
        # As text first: an id such as 007, or a subject called NA, stays what it is.
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
        return _results(table)
    except (ValueError, KeyError) as error:
        raise DataError(
            f"{path} is no table of frames ({' '.join(str(error).split())}): make it anew with "
            f"python tools/evaluate.py output={folder}"
        ) from error


def _results(table: pd.DataFrame) -> Results:
    groups = [name for name in table.columns if name.startswith(GROUP)]
    return Results(
        ids=_text(table["id"]),
        subjects=_text(table["subject"]),
        groups={name.removeprefix(GROUP): _text(table[name]) for name in groups},
        height=_whole(table["height"]),
        width=_whole(table["width"]),
        truth_area=_whole(table["truth_area"]),
        presence=_real(table["presence"]).astype(np.float32),
        passed=_truth(table["passed"]),
        mask=Counts(_whole(table["hits"]), _whole(table["area"])),
        constant=_constant(table),
        hd95=_real(table["hd95"]),
        nsd=_real(table["nsd"]),
        row=_real(table["row"]),
        column=_real(table["column"]),
        contours=_later(table, "contours"),
        truth_contours=_later(table, "truth_contours"),
        expected=_real(table["expected"]).astype(np.float32),
        spread=_real(table["spread"]).astype(np.float32),
    )


def _text(column: pd.Series[str]) -> NDArray[np.str_]:
    return np.array(column.tolist(), dtype=np.str_)


def _whole(column: pd.Series[str]) -> NDArray[np.int64]:
    return np.array([int(cell) for cell in column], dtype=np.int64)


def _real(column: pd.Series[str]) -> NDArray[np.float64]:
    return np.array([float(cell or "nan") for cell in column])


def _later(table: pd.DataFrame, name: str) -> NDArray[np.float64]:
    """A column that files of earlier versions don't have: NaN there."""
    return _real(table[name]) if name in table else np.full(len(table), np.nan)


def _truth(column: pd.Series[str]) -> NDArray[np.bool_]:
    if not column.isin(["True", "False"]).all():
        raise ValueError("passed is True or False")
    return np.asarray(column == "True")


def _constant(table: pd.DataFrame) -> Counts | None:
    if (table["constant_area"] == "").any():
        return None
    return Counts(_whole(table["constant_hits"]), _whole(table["constant_area"]))
