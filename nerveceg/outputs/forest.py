"""Standings as a picture: each system's Dice with its interval, one below the other."""

import math
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from nerveceg.evaluation.standings import ALL_EMPTY, Standing, Standings

# Of Okabe & Ito's palette: told apart under every kind of colour blindness, and by brightness.
ROW, REFERENCE, BASELINE = (0, 0, 0), (0, 114, 178), (213, 94, 0)
GRID, TEXT = (220, 220, 220), (40, 40, 40)
LINE, TOP, NAMES, AXIS, FIGURES = 28, 76, 280, 560, 110
"""pixels: height of a row, head, and widths of the names, the axis and the figures"""


def draw_forest(standings: Standings, *, title: str, note: str | None) -> Image.Image:
    """An RGB picture: a dot and a bar for each row on an axis of Dice from 0 to 1.

    The reference is blue; the score of no mask on any frame, where a score begins to be worth
    something, is an orange line through all rows.
    """
    rows = standings.rows
    height = TOP + LINE * len(rows) + 52
    picture = Image.new("RGB", (NAMES + AXIS + FIGURES, height), "white")
    draw = ImageDraw.Draw(picture)
    _write(draw, (16, 14), title, size=18)
    if note:
        _write(draw, (16, 42), note, size=14, colour=BASELINE)
    _draw_axis(draw, rows, bottom=TOP + LINE * len(rows))
    for place, standing in enumerate(rows):
        _draw_row(
            draw, standing, TOP + LINE * place + LINE // 2, colour=_colour(standing, standings)
        )
    return picture


def _draw_axis(draw: ImageDraw.ImageDraw, rows: Sequence[Standing], *, bottom: int) -> None:
    for tenth in range(11):
        across = _across(tenth / 10)
        draw.line([(across, TOP), (across, bottom)], fill=GRID)
        _write(draw, (across - 9, bottom + 6), f"{tenth / 10:.1f}", size=12)
    _write(draw, (NAMES, bottom + 26), "Dice over all frames, 95 % interval over subjects", size=12)
    for standing in rows:
        if standing.name == ALL_EMPTY:
            across = _across(standing.row.dice.value)
            draw.line([(across, TOP), (across, bottom)], fill=BASELINE)


def _draw_row(
    draw: ImageDraw.ImageDraw, standing: Standing, middle: int, *, colour: tuple[int, int, int]
) -> None:
    value, low, high = standing.row.dice
    _write(draw, (16, middle - 9), standing.name, size=14)
    if not math.isnan(low):
        draw.line([(_across(low), middle), (_across(high), middle)], fill=colour, width=3)
    across = _across(value)
    draw.ellipse([across - 5, middle - 5, across + 5, middle + 5], fill=colour)
    _write(draw, (NAMES + AXIS + 24, middle - 9), f"{value:.3f}", size=14)


def _colour(standing: Standing, standings: Standings) -> tuple[int, int, int]:
    return {standings.reference: REFERENCE, ALL_EMPTY: BASELINE}.get(standing.name, ROW)


def _across(dice: float) -> int:
    return round(NAMES + AXIS * dice)


def _write(
    draw: ImageDraw.ImageDraw,
    place: tuple[int, int],
    text: str,
    *,
    size: int,
    colour: tuple[int, int, int] = TEXT,
) -> None:
    draw.text(place, text, fill=colour, font=ImageFont.load_default(size=size))
