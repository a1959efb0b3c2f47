"""Numbers on two axes as an SVG drawing whose lines and dots differ without their colours too."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from markupsafe import Markup
from numpy.typing import ArrayLike, NDArray

WIDTH, HEIGHT = 360, 250
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

    def ticks(self) -> NDArray[np.float64]:
        """Four to eight round numbers from low to high."""
        step = 10.0 ** np.floor(np.log10((self.high - self.low) / 2))
        steps = (step * size for size in (1, 2, 2.5, 5))
        chosen = next(size for size in steps if (self.high - self.low) / size <= 7)
        first, last = np.ceil(self.low / chosen - 1e-9), np.floor(self.high / chosen + 1e-9)
        return np.asarray(np.arange(first, last + 1) * chosen + 0.0)  # never -0


class Plot:
    """Takes lines and dots, and gives one `<svg>` that scales with the page.

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
        self._draw_axes()

    def line(self, x: ArrayLike, y: ArrayLike, *, style: str, name: str = "") -> None:
        """A line through points, [P] each."""
        path = "M" + "L".join(f"{across:.1f} {up:.1f}" for across, up in self._places(x, y))
        self._parts.append(_path(path, f"line {style}"))
        self._name(name, _path("M0 -4h24", f"line {style}"))

    def dots(self, x: ArrayLike, y: ArrayLike, *, style: str, shape: str, name: str = "") -> None:
        """A mark at each point, [P] each; `shape` is one of SHAPES."""
        marks = "".join(f"M{a:.1f} {u:.1f}{SHAPES[shape]}" for a, u in self._places(x, y))
        self._parts.append(_path(marks, f"mark {shape} {style}"))
        self._name(name, _path(f"M12 -4{SHAPES[shape]}", f"mark {shape} {style}"))

    def whiskers(self, x: ArrayLike, low: ArrayLike, high: ArrayLike, *, style: str) -> None:
        """An upright interval at each place, [P] each."""
        ends = zip(self._places(x, low), self._places(x, high), strict=True)
        marks = "".join(
            f"M{a:.1f} {u:.1f}V{v:.1f}m-3 0h6M{a - 3:.1f} {u:.1f}h6" for (a, u), (_, v) in ends
        )
        self._parts.append(_path(marks, f"line {style} solid"))

    def word(self, x: float, y: float, text: str, *, anchor: str = "start") -> None:
        """A word beside a point."""
        across, up = self._places([x], [y])[0]
        self._parts.append(_text(across, up, text, anchor))

    def svg(self) -> Markup:
        """The drawing, with what its lines and dots are below it."""
        keys = []
        for place, (key, name) in enumerate(self._entries):
            top = self._height + LEGEND_LINE * place + 12
            inner = key + _text(32, 0, name, "start")
            keys.append(Markup('<g transform="translate({} {})">{}</g>').format(LEFT, top, inner))
        height = self._height + LEGEND_LINE * len(self._entries) + 4
        return drawing(self._width, height, self._says, [*self._parts, *keys])

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

    def _draw_axes(self) -> None:
        right, bottom = self._width - RIGHT, self._height - BOTTOM
        for tick in self._across.ticks():
            across = self._places([tick], [self._up.low])[0, 0]
            self._parts.append(_path(f"M{across:.1f} {TOP}V{bottom}", "grid"))
            self._parts.append(_text(across, bottom + 14, f"{tick:.6g}", "middle"))
        for tick in self._up.ticks():
            up = self._places([self._across.low], [tick])[0, 1]
            self._parts.append(_path(f"M{LEFT} {up:.1f}H{right}", "grid"))
            self._parts.append(_text(LEFT - 5, up + 4, f"{tick:.6g}", "end"))
        self._parts.append(_path(f"M{LEFT} {TOP}V{bottom}H{right}", "axis"))
        self._parts.append(_text((LEFT + right) / 2, bottom + 30, self._across.label, "middle"))
        turned = Markup('<g transform="translate(12 {}) rotate(-90)">{}</g>')
        label = _text(0, 0, self._up.label, "middle")
        self._parts.append(turned.format(f"{(TOP + bottom) / 2:.1f}", label))


def drawing(width: float, height: float, says: str, parts: Sequence[Markup]) -> Markup:
    """An `<svg>` of these parts; `says` is read out to those who don't see it."""
    return Markup('<svg viewBox="0 0 {:g} {:g}" role="img" aria-label="{}">{}</svg>').format(
        width, height, says, Markup("").join(parts)
    )


def _path(path: str, style: str) -> Markup:
    return Markup('<path class="{}" d="{}"/>').format(style, path)


def _text(across: float, up: float, text: str, anchor: str) -> Markup:
    return Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(
        across, up, anchor, text
    )
