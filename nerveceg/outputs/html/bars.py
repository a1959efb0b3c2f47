"""Counts to bars, drawn as SVG that a screen reader can name and a pointer can ask."""

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

_WIDTH, _HEIGHT, _TOP, _FOOT = 560, 200, 18, 36


class Bar(NamedTuple):
    """One bar: its parts from the ground up, each a count and a class of `STYLE`."""

    name: str
    """what a pointer over the bar is told"""
    parts: Sequence[tuple[float, str]]


STYLE = """\
.nerve { fill: var(--nerve); background: var(--nerve); }
.empty { fill: var(--empty); background: var(--empty); }
.unknown { fill: var(--paper); background: var(--paper); stroke: var(--faint); }
.axis { stroke: var(--faint); }
.key { display: inline-block; width: .9em; height: .9em; border: 1px solid var(--faint);
  vertical-align: -.1em; }
"""


def bar_chart(
    bars: Sequence[Bar],
    *,
    alt: str,
    unit: str,
    below: str,
    ticks: Sequence[tuple[float, str]] = (),
) -> Markup:
    """Bars side by side over one axis.

    unit: what their height counts, said beside the highest; below: what the axis is; ticks: places
    along it, 0 to 1 from left to right, with their labels.
    """
    highest = max((sum(count for count, _ in bar.parts) for bar in bars), default=0) or 1
    ground = _HEIGHT - _FOOT
    step = _WIDTH / max(len(bars), 1)
    drawn = [
        _bar(bar, place * step, step, (ground - _TOP) / highest, ground)
        for place, bar in enumerate(bars)
    ]
    words = [
        _text(0, 12, f"highest: {round(highest, 2):,g} {unit}", "start"),
        _text(_WIDTH / 2, _HEIGHT - 4, below, "middle"),
        *(_text(share * _WIDTH, ground + 15, label, _anchor(share)) for share, label in ticks),
    ]
    return Markup(
        '<svg viewBox="0 0 {} {}" width="{}" height="{}" role="img" aria-label="{}">{}'
        '<path class="axis" d="M0 {}H{}"/></svg>'
    ).format(
        *(_WIDTH, _HEIGHT, _WIDTH, _HEIGHT, alt),
        *(Markup("").join([*drawn, *words]), ground, _WIDTH),
    )


def key(kind: str, meaning: str) -> Markup:
    """A little square that explains a class of bars."""
    return Markup('<span class="key {}"></span> {} ').format(kind, meaning)


def _bar(bar: Bar, left: float, step: float, scale: float, ground: float) -> Markup:
    gap = 0.15 * step if step > 3 else 0
    parts, below = [], ground
    for count, kind in bar.parts:
        below -= count * scale
        parts.append(
            Markup(
                '<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.2f}" height="{:.1f}"/>'
            ).format(kind, left + gap / 2, below, step - gap, count * scale)
        )
    drawn = Markup("").join(parts)
    return Markup("<g><title>{}</title>{}</g>").format(bar.name, drawn)


def _anchor(share: float) -> str:
    """Words at the ends of an axis stay within the drawing."""
    return "start" if share == 0 else "end" if share > 0.95 else "middle"


def _text(across: float, up: float, text: str, anchor: str) -> Markup:
    return Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(
        across, up, anchor, text
    )
