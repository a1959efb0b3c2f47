"""Tallies and rows that several processes made, each of its own frames, to those of all frames."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nerveceg.evaluation.counts import Counts
from nerveceg.evaluation.results import Results
from nerveceg.evaluation.tally import Tally

SHARED = ("origin", "blur")
"""Fields of a tally that say the same of every frame."""


def join_tallies(tallies: Sequence[Tally], ids: Sequence[str]) -> Tally:
    """One tally, its frames in the order of `ids`; frames that none has are left out."""
    names = [field.name for field in fields(Tally) if field.name not in SHARED]
    whole = {name: np.concatenate([getattr(one, name) for one in tallies]) for name in names}
    order = _order(whole["ids"], ids)
    return replace(tallies[0], **{name: column[order] for name, column in whole.items()})


def join_results(results: Sequence[Results], ids: Sequence[str]) -> Results:
    """One table of results, its frames in the order of `ids`."""
    order = _order(np.concatenate([one.ids for one in results]), ids)
    columns = {
        field.name: _join([getattr(one, field.name) for one in results], order)
        for field in fields(Results)
        if field.name != "groups"
    }
    return Results(**columns, groups=_join_groups(results, order))


def _order(found: NDArray[np.str_], ids: Sequence[str]) -> NDArray[np.intp]:
    place = {name: number for number, name in enumerate(ids)}
    return np.argsort([place[name] for name in found.tolist()], kind="stable")


def _join(columns: Sequence[Any], order: NDArray[np.intp]) -> Any:
    """One column of all frames; where it is two, as Counts are, each of them; None stays None."""
    if columns[0] is None:
        return None
    if isinstance(columns[0], Counts):
        return Counts(*(np.concatenate(one)[order] for one in zip(*columns, strict=True)))
    return np.concatenate(columns)[order]


def _join_groups(
    results: Sequence[Results], order: NDArray[np.intp]
) -> Mapping[str, NDArray[np.str_]]:
    names = dict.fromkeys(name for one in results for name in one.groups)
    lacking = {name: [np.full(len(one), "") for one in results] for name in names}
    return {
        name: np.concatenate(
            [one.groups.get(name, empty) for one, empty in zip(results, lacking[name], strict=True)]
        )[order]
        for name in names
    }
