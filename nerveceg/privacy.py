"""What leaves this machine with a run: plain values without the places where its files lie."""

import re
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

ABSOLUTE = re.compile(r"(/|~|[A-Za-z]:[\\/]|\\\\|file:)")


def without_paths(value: Any) -> Any:
    """Plain values with each absolute path cut to its last name: `/home/me/necks` is `.../necks`.

    Paths that lead out of the working folder, `../../me/necks`, are cut likewise.
    """
    if isinstance(value, dict):
        return {name: without_paths(part) for name, part in value.items()}
    if isinstance(value, list):
        return [without_paths(part) for part in value]
    if isinstance(value, str) and (ABSOLUTE.match(value) or value.startswith(("../", "..\\"))):
        path = PureWindowsPath(value) if "\\" in value else PurePosixPath(value)
        return f".../{path.name}"
    return value
