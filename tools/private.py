"""A stage's configuration on disk: as it may be handed on, and with the paths of this machine."""

from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from nerveceg.errors import NerveCegError

NAME = "private.yaml"
"""The whole configuration, for the tools on this machine: never handed on."""


def keep_configuration(folder: Path, config: DictConfig) -> None:
    """Write config.yaml without private paths and, where there are any, private.yaml with them."""
    from nerveceg.privacy import without_paths

    whole = OmegaConf.to_container(config, resolve=True)
    told = without_paths(whole)
    _write(folder / "config.yaml", told)
    if told != whole:
        _write(folder / NAME, whole)
        (folder / NAME).chmod(0o600)


def configuration_file(folder: Path) -> Path:
    """The file of a stage's configuration: that with this machine's own paths, where there is."""
    private = folder / NAME
    return private if private.is_file() else folder / "config.yaml"


def require_local(data: DictConfig, run: Path) -> None:
    """Ask for the data of a run that was handed on, and so doesn't tell where they lie.

    Raises:
        NerveCegError: the data lie where only the machine knows that trained on them.
    """
    for place in filter(None, (data.root, data.table)):
        if str(place).startswith(".../"):
            raise NerveCegError(
                f"{run} was trained elsewhere, on {place}: give input=FOLDER, or data.root=FOLDER "
                "if its data are here"
            )


def _write(path: Path, values: Any) -> None:
    import yaml

    from nerveceg.files import write_text

    write_text(path, yaml.safe_dump(values, sort_keys=False, allow_unicode=True))
