"""A folder of frames before anyone trains on it: data.html, data.json and a table.

python tools/describe.py data.root=FOLDER output=DIR
python tools/describe.py data.table=FRAMES.csv near_duplicates=true

Files that can't be read are listed with the reason and change nothing about the exit status: they
are part of the answer. A folder without frames, or a mask without an image, is a mistake.
"""

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if not __package__:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from omegaconf import DictConfig

from nerveceg.tools.command import command

if TYPE_CHECKING:
    from nerveceg.data.conflicts import Audit
    from nerveceg.data.description import Description

logger = logging.getLogger(__name__)


def describe(config: DictConfig) -> float:
    """Describe the data; returns the share of frames with nerve, NaN where no truth is known."""
    from nerveceg.data.description import describe_frames
    from nerveceg.outputs.description import description_table
    from nerveceg.tools.composition import data_name, load_frames, run_folder

    description = describe_frames(load_frames(config.data))
    near = _near_duplicates(description) if config.near_duplicates else None
    output = Path(config.output or run_folder(config) / "data")
    write_description(
        description,
        output,
        name=data_name(config),
        near=near,
        spacing_mm=config.data.spacing_mm or _spacing_mm(description),
    )
    print(description_table(description))
    logger.info("next: look at %s, then train: python tools/train_cls.py", output / "data.html")
    share = description.all.prevalence
    return float("nan") if share is None else share


def write_description(
    description: "Description",
    output: Path,
    *,
    name: str,
    near: "Audit | None" = None,
    spacing_mm: float | None = None,
) -> None:
    """Write data.html and data.json into a folder; spacing_mm: of all frames, where known."""
    import json

    from nerveceg.data.description import summarise
    from nerveceg.files import write_text
    from nerveceg.outputs.html.data_page import data_page

    numbers = {"name": name, "spacing_mm": spacing_mm, **summarise(description)}
    if near is not None:
        counts = {"pairs": len(near.pairs), "contradictory": len(near.contradictions)}
        numbers["near_duplicates"] = counts
    text = json.dumps(numbers, indent=1, allow_nan=False, ensure_ascii=False)
    page = data_page(description, name=name, near=near, spacing_mm=spacing_mm)
    write_text(output / "data.html", page)
    write_text(output / "data.json", f"{text}\n")
    logger.info("data.html and data.json are in %s", output)


def _spacing_mm(description: "Description") -> float | None:
    """Side of a pixel, where every file states the same."""
    from nerveceg.data.sources import shared_spacing

    return shared_spacing(frame.frame.image for frame in description.measured)


def _near_duplicates(description: "Description") -> "Audit | None":
    """Near-duplicates of the frames with truth; what hinders the search is told, not fatal."""
    from nerveceg.data.conflicts import find_conflicts
    from nerveceg.errors import NerveCegError

    known = [frame.frame for frame in description.measured if frame.present is not None]
    try:
        if not known:
            raise NerveCegError("no frame has a truth")
        return find_conflicts(known)
    except NerveCegError as error:
        logger.warning("no search for near-duplicates: %s", error)
        return None


main = command(describe)

if __name__ == "__main__":
    main()
