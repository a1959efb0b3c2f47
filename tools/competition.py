"""A ladder of experiments: each trained and scored on the same frames, in one table."""

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from nerveceg.errors import NerveCegError
from nerveceg.tools.attempt import attempt, progress_of
from nerveceg.tools.composition import build, run_folder
from nerveceg.tools.entries import Entry, make_entries
from nerveceg.tools.spending import costs_of

logger = logging.getLogger(__name__)

NAN = float("nan")


def compete(
    config: DictConfig,
    *,
    rows: Mapping[str, Sequence[str]],
    reference: str,
    shared: Sequence[str] = (),
    seconds: float | None = None,
    note: str | None = None,
    only: str | None = None,
) -> float:
    """Run the rows that aren't done yet and write their table; returns the reference's Dice.

    rows: a name and the overrides that make it. reference: the row that others are held against.
    shared: further overrides of every row. seconds: of training a row, shared equally by its
    networks; None: as its experiment says.
    note: what the table must not be taken for.
    only: run this row and write no table; returns its Dice, NaN where it failed.

    Raises:
        NerveCegError: a name that is no row, a row that doesn't compose or was begun otherwise.
    """
    for key, name in (("reference", reference), ("only", only)):
        if name is not None and name not in rows:
            raise NerveCegError(f"ladder.{key}={name}: no such row; there are {', '.join(rows)}")
    chosen = rows if only is None else {only: rows[only]}
    entries = make_entries(config, chosen, shared=shared, seconds=seconds)
    failures = _run(entries, overwrite=config.overwrite)
    scored = {name: entry for name, entry in entries.items() if name not in failures}
    if only is None:
        title = _title(config, seconds)
        _write_table(config, scored, failures, reference=reference, note=note, title=title)
    named = only or reference
    return _dice_of(scored[named]) if named in scored else NAN


def _run(entries: Mapping[str, Entry], *, overwrite: bool) -> dict[str, str]:
    """Run the rows that aren't done yet; returns what stopped those that failed."""
    if not overwrite:
        for entry in entries.values():
            progress_of(entry)  # a row begun otherwise is refused before any other is run
    failures = {}
    for name, entry in entries.items():
        failure = attempt(entry, overwrite=overwrite).failure
        if failure is None:
            logger.info("%s: Dice %.3f", name, _dice_of(entry))
        else:
            failures[name] = failure
    return failures


def _dice_of(entry: Entry) -> float:
    report = json.loads((entry.folder / "report.json").read_text(encoding="utf-8"))
    return float(report["dice"]["value"])


def _title(config: DictConfig, seconds: float | None) -> str:
    """Which ladder, on what, with how much training."""
    split = config.data.split
    data = Path(config.data.root).name if config.data.root else config.data.name
    budget = "" if seconds is None else f", {seconds:g} s of training a row"
    return (
        f"Ladder {HydraConfig.get().runtime.choices['ladder']}: {data}, split by {split.by}, "
        f"fold {config.fold or 0} of {split.folds}{budget}"
    )


def _write_table(
    config: DictConfig,
    scored: Mapping[str, Entry],
    failures: Mapping[str, str],
    *,
    reference: str,
    note: str | None,
    title: str,
) -> None:
    """Hold the rows against the reference; print the table and write it to the ladder's folder."""
    from nerveceg.evaluation.cost import processor_in_words
    from nerveceg.evaluation.saved import read_results
    from nerveceg.evaluation.standings import stand
    from nerveceg.outputs.standings import Caption, write_standings

    runtime, folder = build(config.runtime), Path(config.output or run_folder(config))
    standings = stand(
        {name: read_results(entry.folder) for name, entry in scored.items()},
        reference=reference,
        costs=costs_of(config, scored, runtime),
        resamples=config.bootstraps,
    )
    caption = Caption(title, note, processor_in_words(runtime))
    print(write_standings(folder, standings, failures=failures, caption=caption))
    logger.info("ladder.md, ladder.csv and ladder.png are in %s", folder)
