"""What a run's config.yaml recorded, as data alone: it names no code and asks for no value here."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from nerveceg.documents import read_yaml
from nerveceg.errors import NerveCegError
from nerveceg.tools.private import configuration_file

BUILT = (
    "nerveceg.data.geometry.Geometry",
    "nerveceg.data.filters.Diffusion",
    "nerveceg.data.phantom.variety.Variety",
)
"""All that the configuration of data ever builds."""


def read_recorded(folder: Path) -> dict[str, Any]:
    """The configuration that a stage's folder keeps, to be compared with and never built.

    Raises:
        NerveCegError: it is missing, damaged, or too large.
    """
    return read_yaml(configuration_file(folder))


def recorded_data(folder: Path) -> tuple[dict[str, Any], int | None]:
    """Data and fold that a stage was trained on; what they are merged into may be built.

    Raises:
        NerveCegError: as `read_recorded`, or it names code or a value of this machine.
    """
    path, began = configuration_file(folder), read_recorded(folder)
    data, fold = began.get("data"), began.get("fold")
    if not isinstance(data, dict) or not (fold is None or isinstance(fold, int)):
        raise NerveCegError(f"{path} lacks data and fold: name the data, data.root=FOLDER")
    for name, value in _leaves(data, "data"):
        built = name.endswith("._target_") and value in BUILT
        if "._" in name and not built:
            raise NerveCegError(f"{path} names code to run, {name}={value}: it is refused")
        if isinstance(value, str) and "${" in value:
            raise NerveCegError(f"{path} asks for a value, {name}={value}: write it out")
    return data, fold


def _leaves(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping | list):
        pairs = value.items() if isinstance(value, Mapping) else enumerate(value)
        for key, part in pairs:
            yield from _leaves(part, f"{name}.{key}")
    else:
        yield name, value
