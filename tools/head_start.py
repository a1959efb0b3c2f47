"""What a start from made-up people is worth: a ladder of starts, labelled people and seeds."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product, starmap
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from nerveceg.errors import NerveCegError
from nerveceg.tools.attempt import attempt, progress_of
from nerveceg.tools.composition import data_name
from nerveceg.tools.entries import Entry
from nerveceg.tools.head_start_parts import (
    Budget,
    Trial,
    arms_of,
    pretraining_entry,
    trial_entry,
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Only:
    """The parts to do; None is all of them."""

    pretraining: str | None = None
    arm: str | None = None
    size: str | None = None
    seed: int | None = None

    @property
    def is_all(self) -> bool:
        """Whether nothing is left out."""
        return self == Only()

    def keeps(self, trial: Trial) -> bool:
        """Whether the trial is one of the parts."""
        pairs = zip((self.arm, self.size, self.seed), trial, strict=True)
        return self.pretraining is None and all(one in (None, other) for one, other in pairs)


def measure_head_start(
    config: DictConfig,
    *,
    pretraining: Mapping[str, Sequence[str]],
    pretraining_shared: Sequence[str],
    arms: Mapping[str, Mapping[str, Any]],
    reference: str,
    sizes: Sequence[int | str],
    seeds: Sequence[int],
    updates: int,
    epochs: int,
    shared: Sequence[str] = (),
    note: str | None = None,
    only: Mapping[str, Any] | None = None,
) -> float:
    """Do the parts that aren't done yet and write their table; returns the reference's Dice.

    pretraining, pretraining_shared: words of each run on the stream, and of all. arms: ways to
    begin (`head_start_parts.Arm`), shared: words of all. reference: the arm that the others are
    held against. sizes: labelled people, numbers or "all". updates, epochs: of each stage on them.
    only: do these parts and write no table; returns NaN.

    Raises:
        NerveCegError: a name that is none, a part that doesn't compose or was begun otherwise.
    """
    parts = Only(**_checked(only or {}, pretraining, arms, sizes, seeds))
    if reference not in arms:
        raise NerveCegError(
            f"ladder.reference={reference}: no such arm; there are {', '.join(arms)}"
        )
    folder = Path(config.out, str(config.name))
    starts = {
        name: pretraining_entry(folder, name, [*pretraining_shared, *words])
        for name, words in pretraining.items()
    }
    make = partial(
        trial_entry, config, shared=shared, budget=Budget(updates, epochs), starts=starts
    )
    every = starmap(Trial, product(arms, map(str, sizes), seeds))
    known = arms_of(arms)
    trials = {each: make(each, arm=known[each.arm]) for each in every if parts.keeps(each)}
    _run_starts(_chosen_starts(starts, parts), overwrite=config.overwrite)
    _check_starts(arms, trials, starts)
    failures = _run(trials, overwrite=config.overwrite)
    if not parts.is_all:
        return float("nan")
    scored = {trial: entry for trial, entry in trials.items() if trial not in failures}
    return _write(config, scored, failures, reference=reference, note=note)


def _checked(
    only: Mapping[str, Any],
    pretraining: Mapping[str, Any],
    arms: Mapping[str, Any],
    sizes: Sequence[int | str],
    seeds: Sequence[int],
) -> dict[str, Any]:
    """What `only` names, with sizes as words.

    Raises:
        NerveCegError: it names what there isn't.
    """
    named = {
        name: str(value) if name == "size" and value is not None else value
        for name, value in only.items()
    }
    there: dict[str, list[Any]] = {
        "pretraining": [*pretraining],
        "arm": [*arms],
        "size": [*map(str, sizes)],
        "seed": [*seeds],
    }
    for name, known in there.items():
        if named.get(name) not in (None, *known):
            raise NerveCegError(
                f"ladder.only.{name}={named[name]}: there is none; there are "
                f"{', '.join(map(str, known))}"
            )
    return named


def _chosen_starts(starts: Mapping[str, Entry], parts: Only) -> list[Entry]:
    """The runs on the stream to do: one by its name, all before all trials, else none."""
    if parts.pretraining is not None:
        return [starts[parts.pretraining]]
    return [*starts.values()] if parts.is_all else []


def _run_starts(entries: Sequence[Entry], *, overwrite: bool) -> None:
    for entry in entries:
        failure = attempt(entry, overwrite=overwrite).failure
        if failure is not None:
            raise NerveCegError(f"{entry.name}: {failure}")


def _check_starts(
    arms: Mapping[str, Mapping[str, Any]],
    trials: Mapping[Trial, Entry],
    starts: Mapping[str, Entry],
) -> None:
    """Refuse trials whose start isn't trained yet."""
    for name in {arms[trial.arm].get("start") for trial in trials} - {None}:
        if "evaluate" not in progress_of(starts[str(name)]).done:
            raise NerveCegError(
                f"the run on the stream {starts[str(name)].folder} isn't done: "
                f"ladder.only.pretraining={name} first"
            )


def _run(trials: Mapping[Trial, Entry], *, overwrite: bool) -> dict[Trial, str]:
    """Run the trials that aren't done yet; returns what stopped those that failed."""
    failures = {}
    if not overwrite:
        for entry in trials.values():
            progress_of(entry)  # a trial begun otherwise is refused before any other is run
    for place, (trial, entry) in enumerate(trials.items(), start=1):
        logger.info("%d of %d: %s", place, len(trials), trial.name)
        failure = attempt(entry, overwrite=overwrite).failure
        if failure is not None:
            failures[trial] = failure
    return failures


def _write(
    config: DictConfig,
    scored: Mapping[Trial, Entry],
    failures: Mapping[Trial, str],
    *,
    reference: str,
    note: str | None,
) -> float:
    """Compare the arms; print the table and write it to the ladder's folder."""
    from nerveceg.evaluation.learning import compare_arms
    from nerveceg.evaluation.saved import read_results
    from nerveceg.outputs.learning import write_learning

    results = {(*trial,): read_results(entry.folder) for trial, entry in scored.items()}
    comparison = compare_arms(results, reference=reference, resamples=config.bootstraps)
    folder = Path(config.output or Path(config.out, str(config.name)))
    failed = {trial.name: line for trial, line in failures.items()}
    title = f"Head start on {data_name(config)}"
    print(write_learning(folder, comparison, title=title, note=note, failures=failed))
    logger.info("head_start.md, head_start.csv and head_start.png are in %s", folder)
    return comparison.best_of(reference)
