"""Numbers on two axes as an SVG drawing whose lines, dots and bars differ without colours too."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from markupsafe import Markup
from numpy.typing import ArrayLike, NDArray

from nerveceg.outputs.html.drawing import box, drawing, path, word

WIDTH, WIDE, HEIGHT = 360, 900, 250
LEFT, RIGHT, TOP, BOTTOM = 46, 10, 10, 38
LEGEND_LINE = 15
SHAPES = {
    "dot": "h0",
    "cross": "m-2.5-2.5l5 5m0-5l-5 5",
    "square": "m-2.5-2.5h5v5h-5z",
    "triangle": "m0-3l3 5h-6z",
}
"""Marks as paths, drawn from their middle."""


class Axis(NamedTuple):
    """One side of a plot: what it measures, from where to where."""

    label: str
    low: float = 0.0
    high: float = 1.0
    names: Sequence[tuple[float, str]] | None = None
    """places with their names, where round numbers would say nothing"""

    def ticks(self) -> NDArray[np.float64]:
        """Four to eight round numbers from low to high."""
        step = 10.0 ** np.floor(np.log10((self.high - self.low) / 2))
        steps = (step * size for size in (1, 2, 2.5, 5))
        chosen = next(size for size in steps if (self.high - self.low) / size <= 7)
        first, last = np.ceil(self.low / chosen - 1e-9), np.floor(self.high / chosen + 1e-9)
        return np.asarray(np.arange(first, last + 1) * chosen + 0.0)  # never -0

    def labels(self) -> Sequence[tuple[float, str]]:
        """Places along the axis with what is written there."""
        if self.names is not None:
            return self.names
        return [(tick, f"{tick:.6g}") for tick in self.ticks().tolist()]


class Bar(NamedTuple):
    """One bar: its parts from the ground up, each a height and a style, a, b or unknown."""

    name: str
    """what a pointer over the bar is told"""
    parts: Sequence[tuple[float, str]]


class Plot:
    """Takes lines, dots and bars, and gives one `<svg>` that scales with the page.

    Styles are a, b, c, d or e: each has a colour of Okabe & Ito's palette and its own dashes.
    Points that aren't finite are left out.
    """

    def __init__(
        self, across: Axis, up: Axis, *, says: str, width: int = WIDTH, height: int = HEIGHT
    ) -> None:
        """Draw the axes; `says` is read out to those who don't see the figure."""
        self._across, self._up, self._says = across, up, says
        self._width, self._height = width, height
        self._parts: list[Markup] = []
        self._entries: list[tuple[Markup, str]] = []
        self._draw_grid()
        self._draw_frame()

    def line(self, x: ArrayLike, y: ArrayLike, *, style: str, name: str = "") -> None:
        """A line through points, [P] each."""
        steps = "M" + "L".join(f"{across:.1f} {up:.1f}" for across, up in self._places(x, y))
        self._parts.append(path(steps, f"line {style}"))
        self._name(name, path("M0 -4h24", f"line {style}"))

    def dots(self, x: ArrayLike, y: ArrayLike, *, style: str, shape: str, name: str = "") -> None:
        """A mark at each point, [P] each; `shape` is one of SHAPES."""
        marks = "".join(f"M{a:.1f} {u:.1f}{SHAPES[shape]}" for a, u in self._places(x, y))
        self._parts.append(path(marks, f"mark {shape} {style}"))
        self._name(name, path(f"M12 -4{SHAPES[shape]}", f"mark {shape} {style}"))

    def whiskers(self, x: ArrayLike, low: ArrayLike, high: ArrayLike, *, style: str) -> None:
        """An upright interval at each place, [P] each."""
        ends = zip(self._places(x, low), self._places(x, high), strict=True)
        marks = "".join(
            f"M{a:.1f} {u:.1f}V{v:.1f}m-3 0h6M{a - 3:.1f} {u:.1f}h6" for (a, u), (_, v) in ends
        )
        self._parts.append(path(marks, f"line {style} solid"))

    def bars(
        self, bars: Sequence[Bar], edges: ArrayLike, *, names: Mapping[str, str] | None = None
    ) -> None:
        """Bars from 0 up, [B], between their edges, [B + 1]; names: of styles, for the legend."""
        sides = np.asarray(edges, dtype=float)
        lefts = self._places(sides, np.zeros(len(sides)))[:, 0].tolist()
        for bar, left, right in zip(bars, lefts[:-1], lefts[1:], strict=True):
            self._parts.append(self._bar(bar, left, right))
        for style, name in (names or {}).items():
            self._name(name, box(7, -9, 10, 10, f"bar {style}"))

    def svg(self) -> Markup:
        """The drawing, with what its lines, dots and bars are below it."""
        keys = []
        for place, (key, name) in enumerate(self._entries):
            top = self._height + LEGEND_LINE * place + 12
            inner = key + word(32, 0, name)
            keys.append(Markup('<g transform="translate({} {})">{}</g>').format(LEFT, top, inner))
        height = self._height + LEGEND_LINE * len(self._entries) + 4
        return drawing(self._width, height, self._says, [*self._parts, *keys])

    def _bar(self, bar: Bar, left: float, right: float) -> Markup:
        gap = 0.15 * (right - left) if right - left > 3 else 0
        heights = np.cumsum([0.0, *(height for height, _ in bar.parts)])
        ups = self._places(np.full(len(heights), self._across.low), heights)[:, 1].tolist()
        drawn = [
            box(left + gap / 2, top, right - left - gap, bottom - top, f"bar {style}")
            for (_, style), bottom, top in zip(bar.parts, ups[:-1], ups[1:], strict=True)
        ]
        return Markup("<g><title>{}</title>{}</g>").format(bar.name, Markup("").join(drawn))

    def _name(self, name: str, key: Markup) -> None:
        if name:
            self._entries.append((key, name))

    def _places(self, x: ArrayLike, y: ArrayLike) -> NDArray[np.float64]:
        """Points to places in the drawing, float64 [P, 2]."""
        points = np.stack([np.asarray(x, dtype=float), np.asarray(y, dtype=float)], axis=1)
        points = points[np.isfinite(points).all(axis=1)]
        low = np.array([self._across.low, self._up.low])
        share = (points - low) / (np.array([self._across.high, self._up.high]) - low)
        right, bottom = self._width - RIGHT, self._height - BOTTOM
        return np.asarray([LEFT, bottom] + share * [right - LEFT, TOP - bottom])

    def _draw_grid(self) -> None:
        right, bottom = self._width - RIGHT, self._height - BOTTOM
        for tick, name in self._across.labels():
            across = self._places([tick], [self._up.low])[0, 0]
            if self._across.names is None:
                self._parts.append(path(f"M{across:.1f} {TOP}V{bottom}", "grid"))
            self._parts.append(word(across, bottom + 14, name, "middle"))
        for tick, name in self._up.labels():
            up = self._places([self._across.low], [tick])[0, 1]
            self._parts.append(path(f"M{LEFT} {up:.1f}H{right}", "grid"))
            self._parts.append(word(LEFT - 5, up + 4, name, "end"))

    def _draw_frame(self) -> None:
        right, bottom = self._width - RIGHT, self._height - BOTTOM
        self._parts.append(path(f"M{LEFT} {TOP}V{bottom}H{right}", "axis"))
        self._parts.append(word((LEFT + right) / 2, bottom + 30, self._across.label, "middle"))
        turned = Markup('<g transform="translate(12 {}) rotate(-90)">{}</g>')
        label = word(0, 0, self._up.label, "middle")
        self._parts.append(turned.format(f"{(TOP + bottom) / 2:.1f}", label))
