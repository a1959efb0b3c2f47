"""A run's report as one HTML page, made again from the files in its folder.

python tools/report.py checkpoint=runs/demo
python tools/report.py checkpoint=runs/demo output=OTHER
"""

import json
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if not __package__:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from omegaconf import DictConfig

from nerveceg.tools.command import command

if TYPE_CHECKING:
    from nerveceg.data.frames import Frame

logger = logging.getLogger(__name__)


def report(config: DictConfig) -> float:
    """Write report.html; returns the full-set Dice."""
    from nerveceg.files import write_text
    from nerveceg.outputs.html.report import (
        hang_gallery,
        make_card,
        make_page,
        read_card,
        read_report,
        read_run,
        write_page,
    )
    from nerveceg.tools.compare import report_folder
    from nerveceg.tools.trained import checkpoint_folder

    run = checkpoint_folder(config)
    folder, card = report_folder(run), run / "model_card.json"
    saved, facts, words = read_report(folder), read_run(run), read_card(card)
    runs = masks_in(folder)
    gallery = hang_gallery(saved.results, frames_at_hand(config, run), runs) if runs else {}
    output = Path(config.output or folder)
    write_page(output, make_page(saved, run=facts, gallery=gallery, words=words))
    if not card.exists() and not config.output:
        made = make_card(saved.figures, facts, words=words)
        write_text(card, json.dumps(made, indent=2, ensure_ascii=False) + "\n")
        logger.info("%s waits for what only you know; then run this again", card)
    logger.info("report.html is in %s", output)
    return float(saved.results.dice().mean())


def masks_in(folder: Path) -> dict[str, str]:
    """Final masks that lie in a report's folder as run-length strings, by frame id."""
    from nerveceg.outputs.masks import read_submission

    for name in ("gallery.csv", "submission.csv"):
        if (folder / name).is_file():
            return read_submission(folder / name)
    return {}


def frames_at_hand(config: DictConfig, run: Path) -> "list[Frame]":
    """The frames of `input`, or of the run's own data; none where they aren't on this disk."""
    from nerveceg.errors import NerveCegError
    from nerveceg.tools.composition import load_frames
    from nerveceg.tools.folds import fold_folders
    from nerveceg.tools.trained import frames_to_predict, take_data_of

    try:
        if config.input:
            return frames_to_predict(config)
        take_data_of(config, next(iter(fold_folders(run).values()), run))
        phantom = not (config.data.root or config.data.table)
        if phantom and not Path(config.data.phantom.folder).is_dir():
            raise NerveCegError(f"{config.data.phantom.folder} isn't there")
        return load_frames(config.data)
    except NerveCegError as error:
        logger.warning("no pictures of frames: %s", error)
        return []


main = command(report)

if __name__ == "__main__":
    main()
