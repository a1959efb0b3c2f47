"""Overrides whose value is a path, quoted as Hydra wants it, so that any path can be given."""

import sys
from collections.abc import Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.errors import HydraException

PATHS = (
    *("checkpoint", "input", "input_table", "input_masks", "output", "predictions", "against"),
    *("out", "name", "data.root", "data.table", "data.mask_folder", "data.phantom.folder"),
    *("data.cache_folder", "cls.init", "seg.init", "cls.model.weights", "seg.model.weights"),
)
"""Keys whose value is a path, or part of one."""


def quote_paths(words: Sequence[str]) -> list[str]:
    """The words with quotes around paths that Hydra couldn't read, or would take for a sweep.

    Blanks, accents, brackets and the like are then no more than letters of a path. With
    --multirun a comma still parts the values of a sweep.
    """
    sweep = any(word in ("-m", "--multirun") for word in words)
    return [quoted(word) if _wants_quotes(word, sweep=sweep) else word for word in words]


def quoted(word: str) -> str:
    """KEY=VALUE as Hydra reads it, whatever the value holds: KEY="VALUE"."""
    key, _, value = word.partition("=")
    return f"{key}={QuotedString(text=value, quote=Quote.double).with_quotes()}"


def quote_arguments() -> None:
    """Quote the paths among the words that this program was called with."""
    sys.argv[1:] = quote_paths(sys.argv[1:])


def _wants_quotes(word: str, *, sweep: bool) -> bool:
    key, _, value = word.partition("=")
    if key not in PATHS or not value:
        return False
    try:
        parsed = OverridesParser.create().parse_override(word)
    except HydraException:
        return True
    if parsed.is_sweep_override():
        return not sweep
    return isinstance(parsed.value(), list | dict)
