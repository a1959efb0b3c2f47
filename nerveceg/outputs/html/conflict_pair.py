"""One pair of near-duplicates side by side, and over each other at the turn of a switch."""

import numpy as np
from markupsafe import Markup
from PIL import Image

from nerveceg.data.conflicts import Pair
from nerveceg.data.conflicts.alignment import kept
from nerveceg.data.frames import Frame
from nerveceg.data.images import read_image, read_mask
from nerveceg.outputs.html.pictures import Outline, frame_picture
from nerveceg.outputs.overlays import PREDICTION, TRUTH, Mask

_FORM = Markup("""\
<article class="pair" style="--x:{across:.2f}%;--y:{down:.2f}%">
<h3>{first} and {second}</h3>
<p>{verdict}</p>
<p>{hint}</p>
<input type="radio" class="beside" name="{name}" id="{name}-beside" checked>
<label for="{name}-beside">both</label>
<input type="radio" class="one" name="{name}" id="{name}-one">
<label for="{name}-one">first</label>
<input type="radio" class="two" name="{name}" id="{name}-two">
<label for="{name}-two">second</label>
<input type="radio" class="blink" name="{name}" id="{name}-blink">
<label for="{name}-blink">blink</label>
<div class="frames">
<figure class="first"><div>{a}</div><figcaption>{said_a}</figcaption></figure>
<figure class="second"><div>{b}</div><figcaption>{said_b}</figcaption></figure>
</div>
</article>""")


def draw_pair(pair: Pair, first: Frame, second: Frame, *, name: str) -> Markup:
    """Both frames with both labels' contours; name: of the switch, once a page.

    Raises:
        DataError: a file can't be read.
    """
    one, other = read_image(first.image), read_image(second.image)
    its, others = read_mask(first, one.shape), read_mask(second, other.shape)
    down, across = round(pair.shift_rows), round(pair.shift_columns)
    height, width = one.shape
    on_first = moved(_sized(others, one.shape), down, across)
    on_second = _sized(moved(its, -down, -across), other.shape)
    a = (Outline(on_first, PREDICTION, dotted=True), Outline(its, TRUTH))
    b = (Outline(on_second, TRUTH, dotted=True), Outline(others, PREDICTION))
    said_a, said_b = _said(first, its), _said(second, others)
    return _FORM.format(
        name=name,
        first=first.id,
        second=second.id,
        verdict=_verdict(pair),
        hint=_hint(pair, first.id if others.any() else second.id),
        across=100 * across / width,
        down=100 * down / height,
        a=frame_picture(one, a, alt=said_a),
        b=frame_picture(other, b, alt=said_b),
        said_a=said_a,
        said_b=said_b,
    )


def moved(mask: Mask, down: int, across: int) -> Mask:
    """The mask, bool [H, W], shifted by so many pixels; what leaves the frame is gone."""
    there = np.zeros_like(mask)
    there[kept(down), kept(across)] = mask[kept(-down), kept(-across)]
    return there


def _sized(mask: Mask, shape: tuple[int, ...]) -> Mask:
    if mask.shape == shape:
        return mask
    size = shape[1], shape[0]
    return np.asarray(Image.fromarray(mask).resize(size, Image.Resampling.NEAREST))


def _said(frame: Frame, mask: Mask) -> str:
    area = int(np.count_nonzero(mask))
    return f"{frame.id}: {f'nerve of {area:,} px' if area else 'no nerve'}"


def _verdict(pair: Pair) -> str:
    alike = "equal to the pixel" if pair.exact else f"NCC {pair.ncc:.4f}"
    if pair.kind == "presence":
        labels = "one label shows the nerve, the other doesn't"
    else:
        labels = f"both labels show the nerve, at other places (Dice {pair.dice:.2f})"
    shift = f"shift {pair.shift_rows:+.0f} rows, {pair.shift_columns:+.0f} columns"
    return f"{alike}; {shift}; {labels}."


def _hint(pair: Pair, empty: str) -> str:
    if pair.kind == "presence":
        return (
            f"In training: drop-empty-twin leaves out {empty}; soft-label aims between the two; "
            "weight lets both count less."
        )
    return "In training: weight lets both count less; the other policies leave masks alone."
