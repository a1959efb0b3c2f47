"""pipeline.json of any version of the schema to today's, or a line that says who can read it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nerveceg.calibration import Calibration
from nerveceg.errors import NerveCegError
from nerveceg.probability.maps import Platt
from nerveceg.views import PLAIN

SCHEMA = 2


def to_current(content: Mapping[str, Any], path: Path) -> Mapping[str, Any]:
    """The content of `path` as the schema of today has it.

    1 had one member, which saw each frame once, and Platt's map of presence alone.

    Raises:
        NerveCegError: another schema; the one of a later version of NerveCeg.
        KeyError, TypeError: it lacks or misplaces an entry.
    """
    found = content.get("schema")
    if found == SCHEMA:
        return content
    if found == 1:
        return _from_1(content)
    later = isinstance(found, int) and found > SCHEMA
    cure = "take a later version of NerveCeg" if later else "copy the run again, or train it again"
    raise NerveCegError(f"{path} has schema {found!r}; this version reads 1 to {SCHEMA}: {cure}")


def _from_1(content: Mapping[str, Any]) -> Mapping[str, Any]:
    calibration = Calibration(presence=Platt(**content["calibration"]))
    return {
        **content,
        "weights": {".": content["weights"]},
        "views": [view.to_dict() for view in PLAIN],
        "calibration": calibration.to_dict(),
    }
