"""Frames to look at: those that stand for a data set, and its extremes."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from markupsafe import Markup

from nerveceg.data.description import Description, Measured
from nerveceg.data.images import read_image, read_mask
from nerveceg.outputs.html.page import figure, side_by_side
from nerveceg.outputs.html.pictures import Outline, frame_picture
from nerveceg.outputs.overlays import TRUTH

_PLAIN = 3


class Example(NamedTuple):
    """A frame and what it is an example of."""

    measured: Measured
    why: str


def choose_examples(description: Description) -> list[Example]:
    """A dozen frames at most, each once: typical ones first, then the extremes."""
    chosen: dict[str, Example] = {}
    for example in _wishes(description):
        chosen.setdefault(example.measured.frame.id, example)
    return list(chosen.values())


def draw_examples(examples: Sequence[Example]) -> Markup:
    """The frames with the contours of their masks.

    Raises:
        DataError: a file can't be read any more.
    """
    return side_by_side(_drawn(example) for example in examples)


def _wishes(description: Description) -> Iterator[Example]:
    nerve = sorted(
        (frame for frame in description.measured if frame.drawn),
        key=lambda frame: frame.drawn.area if frame.drawn else 0,
    )
    for place, word in ((0.5, "median"), (0.25, "lower quartile"), (0.75, "upper quartile")):
        if nerve:
            yield Example(nerve[int(place * (len(nerve) - 1))], f"{word} of the areas")
    for present, why in ((False, "without nerve"), (None, "truth unknown")):
        plain = [frame for frame in description.measured if frame.present is present]
        count = min(_PLAIN, len(plain))
        yield from (Example(plain[place * len(plain) // count], why) for place in range(count))
    if nerve:
        yield Example(nerve[0], "smallest mask")
        yield Example(nerve[-1], "largest mask")
    by_grey = sorted(description.measured, key=lambda frame: frame.grey)
    yield Example(by_grey[0], "darkest frame")
    yield Example(by_grey[-1], "brightest frame")
    pieces = (frame for frame in nerve if frame.drawn and frame.drawn.pieces > 1)
    yield from (Example(frame, "mask in several pieces") for frame in islice(pieces, 1))


def _drawn(example: Example) -> Markup:
    measured = example.measured
    frame, drawn = measured.frame, measured.drawn
    image = read_image(frame.image)
    truth = [Outline(read_mask(frame, image.shape), TRUTH)] if drawn else []
    said = f"nerve of {drawn.area:,} px" if drawn else ""
    caption = Markup("<b>{}</b>: {}{}").format(frame.id, example.why, f", {said}" if said else "")
    return figure(frame_picture(image, truth, alt=f"Frame {frame.id}, {example.why}"), caption)
