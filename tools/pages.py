"""The HTML report beside report.json, written by whichever tool has just scored a run."""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nerveceg.errors import DataError

if TYPE_CHECKING:
    from nerveceg.data.frames import Frame
    from nerveceg.evaluation.evaluate import Evaluation
    from nerveceg.evaluation.results import Results
    from nerveceg.outputs.html.report import MaskKeeper

logger = logging.getLogger(__name__)

GALLERY = "gallery.csv"


def keep_masks(watch: Callable[..., None] | None = None) -> "MaskKeeper":
    """A `watch` for the evaluation that keeps the masks which the gallery will choose from."""
    from nerveceg.outputs.html.report import MaskKeeper

    return MaskKeeper(watch)


def write_html(
    evaluation: "Evaluation",
    output: Path,
    *,
    run: Path,
    frames: "Sequence[Frame]",
    keeper: "MaskKeeper",
) -> None:
    """Write report.html, and gallery.csv with the masks that it shows.

    A model_card.json that is none costs its words, not the report.
    """
    from nerveceg.outputs.html.report import (
        WORDS,
        Saved,
        hang_gallery,
        make_page,
        read_card,
        read_run,
        write_page,
    )

    report = evaluation.report
    try:
        words = read_card(run / "model_card.json")
    except DataError as error:
        logger.warning("%s; report.html goes without its words", error)
        words = WORDS
    saved = Saved(report.to_dict(), report.results, evaluation.tally)
    gallery = hang_gallery(report.results, frames, keeper.runs)
    save_gallery(output / GALLERY, report.results, keeper.runs)
    write_page(output, make_page(saved, run=read_run(run), gallery=gallery, words=words))


def save_gallery(path: Path, results: "Results", runs: Mapping[str, str]) -> None:
    """Write the masks of the frames in the gallery, so that the page can be made again."""
    from nerveceg.outputs.html.report import choose_frames
    from nerveceg.outputs.masks import write_submission

    chosen = [str(results.ids[k]) for places in choose_frames(results).values() for k in places]
    write_submission(path, [name for name in chosen if name in runs], runs.__getitem__)
