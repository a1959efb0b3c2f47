"""CSV files to rows: a table of a data set's frames, or Kaggle's `train_masks.csv`."""

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from nerveceg.errors import DataError

_YES = frozenset({"1", "true", "yes"})
_NO = frozenset({"0", "false", "no"})


class Row(NamedTuple):
    """One row of a CSV file: its cells by column, and where it stands."""

    cells: Mapping[str, str]
    path: Path
    line: int
    unit: str = "line"
    """what the file counts: lines, or images"""

    def error(self, complaint: str) -> DataError:
        """The error that names this row's file and place."""
        return DataError(f"{self.path}, {self.unit} {self.line}: {complaint}")


def read_table(path: Path) -> list[Row]:
    """Rows of a comma-separated UTF-8 file; column names in lower case, cells stripped of blanks.

    Raises:
        DataError: the file can't be read, has no rows, or a row's cells aren't one a column.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            _allow_cells_of(path.stat().st_size)
            reader = csv.reader(file, strict=True)
            columns = [name.strip().lower() for name in next(reader, [])]
            rows = [_row(columns, cells, path, reader.line_num) for cells in reader if cells]
    except OSError as error:
        raise DataError(f"{path} can't be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} is no CSV file in UTF-8: {error}") from error
    if not rows:
        raise DataError(f"{path} has no rows: a line of column names and a row a frame are wanted")
    return rows


def require_columns(rows: list[Row], wanted: Iterable[str]) -> None:
    """Check that the columns `wanted` are there.

    Raises:
        DataError: one is missing.
    """
    missing = [name for name in wanted if name not in rows[0].cells]
    if missing:
        columns = ", ".join(rows[0].cells)
        raise DataError(
            f"{rows[0].path} has the columns {columns}; wanted, with commas between: "
            f"{', '.join(wanted)} ({', '.join(missing)} missing)"
        )


def rows_by_frame(rows: list[Row]) -> dict[str, Row]:
    """Rows of Kaggle's `train_masks.csv` (subject, img, pixels) by frame id, `{subject}_{img}`.

    Raises:
        DataError: a column is missing, or two rows name one frame.
    """
    require_columns(rows, ("subject", "img", "pixels"))
    by_frame: dict[str, Row] = {}
    for row in rows:
        frame = f"{row.cells['subject']}_{row.cells['img']}"
        if frame in by_frame:
            raise row.error(f"frame {frame} stands on line {by_frame[frame].line} already")
        by_frame[frame] = row
    return by_frame


def stated_presence(row: Row) -> bool | None:
    """What the column `present` says (1, true, yes; 0, false, no); None: empty or no column.

    Raises:
        DataError: another word.
    """
    word = row.cells.get("present", "").lower()
    if word and word not in _YES | _NO:
        raise row.error(f'present is "{word}": 1, 0 or nothing (unknown) is wanted')
    return word in _YES if word else None


def _row(columns: list[str], cells: list[str], path: Path, line: int) -> Row:
    row = Row(dict(zip(columns, (cell.strip() for cell in cells), strict=False)), path, line)
    if len(cells) != len(columns):
        raise row.error(f"{len(cells)} cells where {len(columns)} are wanted, one a column")
    if len(row.cells) != len(columns):
        raise row.error("two columns have one name")
    return row


def _allow_cells_of(characters: int) -> None:
    # The csv module stops at 131,072 characters a cell; the runs of a ragged mask can be longer.
    csv.field_size_limit(max(csv.field_size_limit(), characters + 1))
