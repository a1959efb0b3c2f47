"""The one-file HTML report: a run's figures, frames and facts as a page that needs no network."""

from nerveceg.outputs.html.report.card import WORDS, make_card, read_card
from nerveceg.outputs.html.report.gallery import MaskKeeper, choose_frames, hang_gallery
from nerveceg.outputs.html.report.page import Saved, make_page, read_report, write_page
from nerveceg.outputs.html.report.run import Run, read_run

__all__ = [
    "WORDS",
    "MaskKeeper",
    "Run",
    "Saved",
    "choose_frames",
    "hang_gallery",
    "make_card",
    "make_page",
    "read_card",
    "read_report",
    "read_run",
    "write_page",
]
