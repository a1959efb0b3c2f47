"""The parts of the head start's ladder: runs on the stream, and arms by people and seed."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import starmap
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple

from omegaconf import DictConfig, OmegaConf

from nerveceg.errors import NerveCegError
from nerveceg.tools.command import compose
from nerveceg.tools.composition import load_split
from nerveceg.tools.entries import Entry, data_words, given_words, word

ALL = "all"

OF_THE_FRAMES = re.compile(r"[+~]*(fold|data(?!\.(geometry|filter)\b))\b")
"""Words that say which labelled frames there are; what the networks see of them stays."""


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One way to begin.

    words: overrides that make it. start: the run on the stream that both networks begin with.
    updates_of: the arm's updates on the labelled frames are those of this run on the stream too.
    """

    words: Sequence[str] = field(default=())
    start: str | None = None
    updates_of: str | None = None


class Trial(NamedTuple):
    """An arm with so many labelled people, by a seed."""

    arm: str
    size: str
    """number of people, or "all\""""
    seed: int

    @property
    def name(self) -> str:
        """Of its folder."""
        return f"{self.arm}_{self.size}_{self.seed}"


class Budget(NamedTuple):
    """How long an arm trains on labelled frames."""

    updates: int
    epochs: int


def pretraining_entry(folder: Path, name: str, words: Sequence[str]) -> Entry:
    """A run on the stream; its frames on disk, which choose its epoch, are the experiment's.

    Raises:
        NerveCegError: it doesn't compose.
    """
    given = [each for each in given_words() if not OF_THE_FRAMES.match(each)]
    return _entry(f"pre_{name}", [*words, *given, "fold=null"], folder)


def trial_entry(
    config: DictConfig,
    trial: Trial,
    *,
    arm: Arm,
    shared: Sequence[str],
    budget: Budget,
    starts: Mapping[str, Entry],
) -> Entry:
    """A trial on the configured frames.

    Its epochs show each frame so often that the updates come to the budget's, to within a batch
    an epoch; an arm with `updates_of` has that run's beside them.

    Raises:
        NerveCegError: it doesn't compose, or there are fewer people.
    """
    size = None if trial.size == ALL else int(trial.size)
    words = [
        *arm.words,
        *shared,
        *given_words(),
        *data_words(config.data),
        word("seed", trial.seed),
        word("data.split.train_subjects", size),
        word("data.split.subjects_seed", trial.seed),
    ]
    if arm.start is not None:
        start = str(_named(starts, arm.start).folder)
        words += [word(f"{stage}.init", start) for stage in ("cls", "seg")]
    entry = _entry(trial.name, words, Path(config.out, str(config.name)))
    settings = _spend(entry, budget, arm, starts)
    for key, value in settings.items():
        OmegaConf.update(entry.config, key, value)
    return entry._replace(words=(*entry.words, *starmap(word, settings.items())))


def updates_in(entry: Entry, stage: str) -> int:
    """Updates of a run on the stream."""
    from nerveceg.tools.made_up import frames_an_epoch

    frames = frames_an_epoch(entry.config, on_disk=0) // (1 if stage == "cls" else 2)
    return int(entry.config[stage].epochs) * max(1, frames // int(entry.config[stage].batch_size))


def _spend(
    entry: Entry, budget: Budget, arm: Arm, starts: Mapping[str, Entry]
) -> dict[str, int | None]:
    """What makes an entry train for its budget, by key."""
    from nerveceg.data.presence import presence_of

    present = presence_of(load_split(entry.config).train)
    settings: dict[str, int | None] = {}
    for stage, frames in (("cls", len(present)), ("seg", int(present.sum()))):
        of = arm.updates_of
        more = 0 if of is None else updates_in(_named(starts, of), stage)
        shown = (budget.updates + more) * int(entry.config[stage].batch_size) / budget.epochs
        settings[f"{stage}.epochs"] = budget.epochs
        settings[f"{stage}.repeats"] = ceil(shown / frames)
        settings[f"{stage}.patience"] = None
    return settings


def _entry(name: str, words: Sequence[str], folder: Path) -> Entry:
    every = [*words, word("out", str(folder)), word("name", name), "html=false"]
    try:
        return Entry(name, tuple(every), compose(every))
    except NerveCegError as error:
        raise NerveCegError(f"{name}: {error}") from error


def _named(starts: Mapping[str, Entry], name: str) -> Entry:
    if name not in starts:
        raise NerveCegError(f"{name}: no such pretraining; there are {', '.join(starts)}")
    return starts[name]


def arms_of(described: Mapping[str, Mapping[str, Any]]) -> dict[str, Arm]:
    """The arms by name.

    Raises:
        NerveCegError: a key that says nothing of an arm.
    """
    known = set(Arm.__dataclass_fields__)
    for name, each in described.items():
        if unknown := sorted(set(each) - known):
            raise NerveCegError(
                f"ladder.arms.{name}.{unknown[0]}: no such key; {sorted(known)} are known"
            )
    return {name: Arm(**each) for name, each in described.items()}
