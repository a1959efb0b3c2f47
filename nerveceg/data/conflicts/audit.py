"""A data set's frames to all its near-duplicate pairs with their verdicts."""

import csv
import io
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from nerveceg.data.conflicts.alignment import align, likeness
from nerveceg.data.conflicts.null import Null, measure_null
from nerveceg.data.conflicts.pairs import Pair, judge_pair
from nerveceg.data.conflicts.thumbnails import read_copies
from nerveceg.data.frames import Frame, natural_key
from nerveceg.files import write_text


class Audit(NamedTuple):
    """All near-duplicate pairs of a data set, and what they were told from chance by."""

    pairs: list[Pair]
    null: Null

    @property
    def contradictions(self) -> list[Pair]:
        """The pairs whose labels can't both be right, the most alike first."""
        found = [pair for pair in self.pairs if pair.contradicts]
        return sorted(found, key=lambda pair: -pair.ncc)

    @property
    def contradicted(self) -> frozenset[str]:
        """Ids of the frames in such pairs."""
        return frozenset(name for pair in self.contradictions for name in (pair.first, pair.second))


def find_conflicts(frames: Sequence[Frame], *, progress: bool = True) -> Audit:
    """Every pair of near-duplicates within a subject, judged; the same for any order of `frames`.

    The threshold comes from pairs of different subjects (`measure_null`). Memory holds one subject
    at a time, some 100 kB a frame and the square of its frames.

    Raises:
        NerveCegError: frames are of one subject or of an unknown one.
        DataError: a truth is unknown, or a file can't be read.
    """
    null = measure_null(frames)
    ordered = sorted(frames, key=lambda frame: (natural_key(frame.subject), natural_key(frame.id)))
    pairs: list[Pair] = []
    with tqdm(total=len(ordered), desc="comparing", unit="frame", disable=not progress) as bar:
        for _, group in groupby(ordered, key=lambda frame: frame.subject):
            own = list(group)
            pairs += _pairs_of(own, null)
            bar.update(len(own))
    return Audit(pairs, null)


def write_pairs(path: Path, pairs: Sequence[Pair]) -> None:
    """Write the pairs as a CSV file with a column a field."""
    lines = io.StringIO()
    table = csv.writer(lines, lineterminator="\n")
    table.writerow(Pair._fields)
    table.writerows(_cells(pair) for pair in pairs)
    write_text(path, lines.getvalue())


def _pairs_of(frames: list[Frame], null: Null) -> Iterator[Pair]:
    copies = read_copies(frame.image for frame in frames)
    first, second = np.nonzero(np.triu(likeness(copies) > null.floor, k=1))
    ncc, shift = align(copies, first, second)
    for place in np.flatnonzero(ncc >= null.threshold):
        rows, columns = shift[place].tolist()
        yield judge_pair(
            frames[first[place]],
            frames[second[place]],
            ncc=float(ncc[place]),
            shift=(rows, columns),
        )


def _cells(pair: Pair) -> list[object]:
    dice = "" if pair.dice is None else f"{pair.dice:.4f}"
    shifts = (f"{shift:.1f}" for shift in (pair.shift_rows, pair.shift_columns))
    names = pair.subject, pair.first, pair.second
    return [*names, f"{pair.ncc:.4f}", *shifts, dice, pair.kind, int(pair.exact)]
