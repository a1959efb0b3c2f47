"""Learning curves as a picture: every arm's figures over the number of labelled people."""

import math
from collections.abc import Sequence
from itertools import pairwise

from PIL import Image, ImageDraw, ImageFont

from nerveceg.evaluation.learning import JOINT, Comparison, Point
from nerveceg.evaluation.standings import ALL_EMPTY

# Okabe & Ito's palette; each arm has a mark of its own too.
COLOURS = (
    *((0, 0, 0), (0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167)),
    *((230, 159, 0), (86, 180, 233)),
)
SIDES = (4, 3, 5, 24, 6, 7, 8)
"""Corners of each arm's mark; many make a circle."""

GRID, NOTHING, TEXT = (220, 220, 220), (120, 120, 120), (40, 40, 40)
PANEL, HEIGHT, LEFT, TOP, GAP = 330, 300, 56, 84, 70
"""pixels: a panel's width and height, what stands left of and above them, and between them"""
LINE = 24

Colour = tuple[int, int, int]


def draw_learning(comparison: Comparison, *, title: str) -> Image.Image:
    """An RGB picture: a panel a measure, a line an arm, with 95 % intervals over subjects.

    People are evenly spaced in their order. Each panel has an axis of its own; that of both stages
    shows what drawing nothing is worth.
    """
    points = comparison.points
    measures, arms, sizes = (
        [*dict.fromkeys(getattr(each, name) for each in points)]
        for name in ("measure", "arm", "size")
    )
    width = LEFT + (PANEL + GAP) * len(measures)
    picture = Image.new("RGB", (width, TOP + HEIGHT + 60 + LINE * len(arms)), "white")
    draw = ImageDraw.Draw(picture)
    _write(draw, (16, 14), title, size=18)
    for place, measure in enumerate(measures):
        of_it = [each for each in points if each.measure == measure]
        empty = comparison.all_empty if measure == JOINT else math.nan
        panel = _Panel(draw, LEFT + (PANEL + GAP) * place, sizes, of_it, empty=empty)
        panel.draw_axes(measure)
        for number, arm in enumerate(arms):
            shift = 5 * (number - (len(arms) - 1) / 2)
            panel.draw_arm([each for each in of_it if each.arm == arm], number, shift=shift)
    for number, arm in enumerate(arms):
        row = TOP + HEIGHT + 56 + LINE * number
        _mark(draw, (LEFT + 8, row), number)
        _write(draw, (LEFT + 24, row - 9), arm, size=14)
    return picture


class _Panel:
    def __init__(
        self,
        draw: ImageDraw.ImageDraw,
        left: int,
        sizes: Sequence[str],
        points: Sequence[Point],
        *,
        empty: float,
    ) -> None:
        self._draw, self._left, self._sizes, self._empty = draw, left, sizes, empty
        values = [empty, *(end for each in points for end in each.value)]
        ends = [value for value in values if not math.isnan(value)]
        self._low = math.floor(min(ends, default=0) * 10) / 10
        self._high = max(math.ceil(max(ends, default=1) * 10) / 10, self._low + 0.1)

    def draw_axes(self, measure: str) -> None:
        right, bottom = self._left + PANEL, TOP + HEIGHT
        for tenth in range(round(self._low * 10), round(self._high * 10) + 1):
            up = self._up(tenth / 10)
            self._draw.line([(self._left, up), (right, up)], fill=GRID)
            _write(self._draw, (self._left - 30, up - 8), f"{tenth / 10:.1f}", size=12)
        if not math.isnan(self._empty):
            up = self._up(self._empty)
            self._draw.line([(self._left, up), (right, up)], fill=NOTHING, width=2)
            _write(self._draw, (self._left + 6, up - 18), ALL_EMPTY, size=12, colour=NOTHING)
        for size in self._sizes:
            _write(self._draw, (self._across(size) - 8, bottom + 6), size, size=12)
        _write(self._draw, (self._left, TOP - 28), f"{measure}, 95 % over subjects", size=14)
        _write(self._draw, (self._left, bottom + 22), "labelled people to train on", size=12)

    def draw_arm(self, points: Sequence[Point], number: int, *, shift: float) -> None:
        colour = COLOURS[number % len(COLOURS)]
        places = []
        for point in points:
            value, low, high = point.value
            if math.isnan(value):
                continue
            across = self._across(point.size) + shift
            places.append((across, self._up(value)))
            if not math.isnan(low):
                self._draw.line([(across, self._up(low)), (across, self._up(high))], fill=colour)
        for pair in pairwise(places):
            self._draw.line(list(pair), fill=colour, width=2)
        for place in places:
            _mark(self._draw, place, number)

    def _across(self, size: str) -> float:
        return self._left + PANEL * (self._sizes.index(size) + 0.5) / len(self._sizes)

    def _up(self, value: float) -> float:
        return TOP + HEIGHT * (self._high - value) / (self._high - self._low)


def _mark(draw: ImageDraw.ImageDraw, place: tuple[float, float], number: int) -> None:
    which = number % len(COLOURS)
    draw.regular_polygon((*place, 6), SIDES[which], fill=COLOURS[which])


def _write(
    draw: ImageDraw.ImageDraw,
    place: tuple[float, float],
    text: str,
    *,
    size: int,
    colour: Colour = TEXT,
) -> None:
    draw.text(place, text, fill=colour, font=ImageFont.load_default(size=size))
