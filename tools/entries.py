"""The rows of a ladder of experiments: what each changes, as words for the tools."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.types import Quote, QuotedString
from omegaconf import DictConfig, ListConfig, OmegaConf

from nerveceg.errors import NerveCegError
from nerveceg.tools.command import compose
from nerveceg.tools.composition import run_folder

THE_LADDERS_OWN = (
    *("ladder", "experiment", "name", "out", "resume", "overwrite", "output"),
    *("checkpoint", "against", "input", "predictions"),
)
"""Keys whose words say what the ladder does, not what its rows do."""

THE_ROWS_OWN = ("geometry", "filter", "conflicts", "stream")
"""Of the data: what an experiment may decide; which frames, and which are held out, it may not."""

THE_SCORES = ("data", "augment", "cls", "seg", "tta", "rule", "seed", "fold")
"""Keys that a row's score follows from."""

MOST_EPOCHS = 1000
"""Where seconds are given, nothing else ends a stage: its schedule goes over those that fit in."""


class Entry(NamedTuple):
    """One row: an experiment that is trained and scored into a folder of its own."""

    name: str
    words: tuple[str, ...]
    """overrides that every tool takes"""
    config: DictConfig
    """composed of them"""

    @property
    def folder(self) -> Path:
        """Where its networks and its report lie."""
        return run_folder(self.config)

    @property
    def stages(self) -> tuple[str, ...]:
        """The networks to train, in their order."""
        return ("seg",) if self.config.cls.model is None else ("cls", "seg")

    @property
    def settings(self) -> dict[str, Any]:
        """All that its score follows from, as plain values."""
        plain = OmegaConf.to_container(self.config, resolve=True)
        assert isinstance(plain, dict)  # noqa: S101
        return {key: plain[key] for key in THE_SCORES}


def make_entries(
    config: DictConfig,
    rows: Mapping[str, Sequence[str]],
    *,
    shared: Sequence[str],
    seconds: float | None,
) -> dict[str, Entry]:
    """The rows of the configured data, by name.

    rows: overrides that make each row. shared: further ones of all rows; the command line's own
    come after these. seconds: of training a row, shared equally by its networks; None: as long as
    its experiment says.

    Raises:
        NerveCegError: a row doesn't compose; the line names what is wrong, and what there is.
    """
    common = [*shared, *given_words(), *data_words(config.data), word("out", _parent(config))]
    return {
        name: _entry(name, [*words, *common, word("name", name)], seconds)
        for name, words in rows.items()
    }


def _entry(name: str, words: list[str], seconds: float | None) -> Entry:
    try:
        entry = Entry(name, tuple(words), compose(words))
    except NerveCegError as error:
        raise NerveCegError(f"row {name}: {error}") from error
    if seconds is None:
        return entry
    share = {"seconds": seconds / len(entry.stages), "epochs": MOST_EPOCHS, "patience": None}
    budget = {f"{stage}.{key}": value for stage in entry.stages for key, value in share.items()}
    for key, value in budget.items():
        OmegaConf.update(entry.config, key, value, force_add=True)
    added = [f"++{word(key, value)}" for key, value in budget.items()]
    return entry._replace(words=(*entry.words, *added))


def _parent(config: DictConfig) -> str:
    return os.fspath(Path(config.out, str(config.name)))


def given_words() -> list[str]:
    """What the command line says of every row."""
    words = HydraConfig.get().overrides.task
    return [each for each in words if _head(each) not in THE_LADDERS_OWN]


def _head(override: str) -> str:
    """The first part of the key that an override names."""
    return override.lstrip("+~").split("=")[0].split(".")[0].split("@")[0]


def data_words(data: DictConfig) -> list[str]:
    """Which frames there are and which are held out, the same for every row."""
    same = {key: data[key] for key in data if key not in THE_ROWS_OWN}
    return [word(f"data.{key}", value) for key, value in _leaves(OmegaConf.create(same))]


def _leaves(node: DictConfig, prefix: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for key, value in node.items():
        name = f"{prefix}{key!s}"
        found += _leaves(value, f"{name}.") if isinstance(value, DictConfig) else [(name, value)]
    return found


def word(key: str, value: object) -> str:
    """An override that gives a key this text, number, truth value, null, or a list of these."""
    return f"{key}={_spelt(value)}"


def _spelt(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, list | tuple | ListConfig):
        return f"[{','.join(map(_spelt, value))}]"
    return str(QuotedString(text=str(value), quote=Quote.single).with_quotes())
