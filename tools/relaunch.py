"""Which launch began a stage: a launcher that starts dead processes again goes on with its own."""

import os
from pathlib import Path

NAME = "launch"
AGAIN = "TORCHELASTIC_RESTART_COUNT"


def keep_launch(folder: Path) -> None:
    """Note in a stage's folder which launcher began it, where one starts again what has died."""
    from nerveceg.files import write_text

    if AGAIN in os.environ:
        write_text(folder / "state" / NAME, _launch())


def is_relaunched(folder: Path) -> bool:
    """Whether this process stands for one that died after the same launcher began the folder."""
    path = folder / "state" / NAME
    again = os.environ.get(AGAIN, "0") != "0"
    return again and path.is_file() and path.read_text(encoding="utf-8") == _launch()


def _launch() -> str:
    """The launcher's name for the run, and its process, since not every launcher names it."""
    return f"{os.environ.get('TORCHELASTIC_RUN_ID', 'none')} {os.getppid()}"
