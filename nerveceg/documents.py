"""JSON, YAML and array files to plain values: limited in size and depth, never executed."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile, ZipFile
from zlib import error as DeflateError

import numpy as np
from numpy.typing import NDArray

from nerveceg.errors import DataError

if TYPE_CHECKING:
    from yaml import Event

MEGABYTE = 2**20
LARGEST_JSON = 64 * MEGABYTE
"""Bytes; a pipeline that was trained on two million frames names as many digests."""

LARGEST_YAML = MEGABYTE // 16
"""Bytes; a run's whole configuration takes 4,000."""

DEEPEST_YAML = 50
"""Levels; the time that the parser takes grows with the square of them."""

LARGEST_ARRAYS = 64 * 1024 * MEGABYTE
"""Bytes of all arrays unpacked; a million frames of 420 x 580 take as much out of fold."""

MALFORMED = (
    *(ArithmeticError, AssertionError, AttributeError, LookupError, OSError, TypeError),
    *(ValueError, MemoryError, RecursionError),
)
"""What plain values raise that aren't of the wanted kind, when they are made into objects."""

_BROKEN_ARRAYS = (
    *(OSError, ValueError, KeyError, EOFError, NotImplementedError, BadZipFile, DeflateError),
    *(MemoryError, RecursionError, TypeError, SyntaxError, RuntimeError),
)
"""What numpy and zipfile raise at damaged bytes."""


def read_json(path: Path, *, largest: int = LARGEST_JSON) -> Any:
    """The plain values of a JSON file in UTF-8.

    largest: bytes.

    Raises:
        DataError: it is missing, no file, too large, nested too deeply, or no JSON.
    """
    text = _text(path, largest)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is no JSON file: {_reason(error)}") from error


def read_object(path: Path, *, largest: int = LARGEST_JSON) -> dict[str, Any]:
    """The names and values of a JSON file that holds an object.

    Raises:
        DataError: as `read_json`, or it holds something else.
    """
    values = read_json(path, largest=largest)
    if not isinstance(values, dict):
        raise DataError(f"{path} holds no JSON object: names and their values are wanted")
    return values


def read_yaml(path: Path) -> dict[str, Any]:
    """The names and values of a YAML file in UTF-8: no tag makes an object, no alias repeats one.

    Aliases of aliases grow a few lines to billions of values; no file of ours has any.

    Raises:
        DataError: it is missing, no file, too large, nested too deeply, or not such a file.
    """
    import yaml

    text = _text(path, LARGEST_YAML)
    try:
        _require_plain(yaml.parse(text, yaml.SafeLoader))
        values = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DataError(f"{path} is no YAML file: {_reason(error)}") from error
    if not isinstance(values, dict):
        raise DataError(f"{path} holds no YAML mapping: names and their values are wanted")
    return values


def _require_plain(events: Iterable["Event"]) -> None:
    from yaml import AliasEvent, CollectionEndEvent, CollectionStartEvent

    depth = 0
    for event in events:
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        if depth > DEEPEST_YAML:
            raise ValueError("it is nested too deeply")
        if isinstance(event, AliasEvent):
            raise ValueError("it has an alias (*): write the value out")


def read_arrays(path: Path, *, largest: int = LARGEST_ARRAYS) -> Mapping[str, NDArray[Any]]:
    """The named arrays of an .npz file; nothing is unpacked to the disk, no object is made.

    largest: bytes of all arrays, as the file states them.

    Raises:
        DataError: it is missing, damaged, claims more than `largest`, or an array holds objects.
    """
    _require_file(path)
    try:
        with ZipFile(path) as archive:
            claimed = sum(member.file_size for member in archive.infolist())
        if claimed > largest:
            raise ValueError(f"its arrays claim {claimed:,} bytes, at most {largest:,} are read")
        with np.load(path, allow_pickle=False) as columns:
            return {name: columns[name] for name in columns.files}
    except _BROKEN_ARRAYS as error:
        raise DataError(f"{path} holds no arrays: {_reason(error)}") from error


def _text(path: Path, largest: int) -> str:
    _require_file(path)
    try:
        with path.open("rb") as file:
            content = file.read(largest + 1)
        if len(content) > largest:
            raise ValueError(f"it is over {largest:,} bytes, which no such file needs")
        return content.decode("utf-8-sig")
    except (OSError, ValueError) as error:
        raise DataError(f"{path} can't be read: {_reason(error)}") from error


def _require_file(path: Path) -> None:
    """A folder, or a device that never ends, is none."""
    if path.exists() and not path.is_file():
        raise DataError(f"{path} is no file")


def _reason(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return " ".join(str(error).split())[:200] or type(error).__name__
