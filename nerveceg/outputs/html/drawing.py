"""What every drawing of the pages is made of: an SVG with its words, and paths and text inside."""

from collections.abc import Iterable

from markupsafe import Markup


def drawing(width: float, height: float, says: str, parts: Iterable[Markup]) -> Markup:
    """An `<svg>` of these parts; `says` is read out to those who don't see it."""
    return Markup('<svg viewBox="0 0 {:g} {:g}" role="img" aria-label="{}">{}</svg>').format(
        width, height, says, Markup("").join(parts)
    )


def path(steps: str, style: str) -> Markup:
    """A path of SVG steps; style: classes of `style.css`."""
    return Markup('<path class="{}" d="{}"/>').format(style, steps)


def box(left: float, top: float, width: float, height: float, style: str) -> Markup:
    """A filled rectangle."""
    form = Markup('<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.2f}" height="{:.1f}"/>')
    return form.format(style, left, top, width, max(height, 0.0))


def word(across: float, up: float, text: str, anchor: str = "start", style: str = "") -> Markup:
    """A line of text; anchor: which of its ends, start, middle or end, stands at the place."""
    form = Markup('<text class="{}" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>')
    return form.format(style, across, up, anchor, text)
