"""A data set's description to the figures of its page."""

from collections.abc import Mapping, Sequence

import numpy as np
from markupsafe import Markup
from numpy.typing import ArrayLike, NDArray

from nerveceg.data.description import Description, Part
from nerveceg.data.description.findings import counted
from nerveceg.outputs.html.page import figure, side_by_side
from nerveceg.outputs.html.pictures import grey_picture, map_picture
from nerveceg.outputs.html.plot import WIDE, WIDTH, Axis, Bar, Plot

# Bars narrower than a pixel say nothing; under so many there is room for names.
MOST_BARS = 500
_MOST_NAMES = 24
_BINS = 30
# A count below this has an axis of whole numbers.
_FEW = 7


def draw_subjects(subjects: Sequence[Part]) -> Markup:
    """Each subject's frames with nerve, without, and of unknown truth; highest prevalence first."""
    order = sorted(subjects, key=lambda part: (-(part.prevalence or 0), -part.frames))
    bars = [
        Bar(
            f"{part.name or '(unknown)'}: {part.nerve} of {part.nerve + part.empty} with nerve",
            ((part.nerve, "a"), (part.empty, "b"), (part.unknown, "unknown")),
        )
        for part in order
    ]
    said = [(place + 0.5, part.name[:4]) for place, part in enumerate(order)]
    across = Axis(
        "subjects, from the highest prevalence to the lowest",
        *(0, len(order), said if len(order) <= _MOST_NAMES else ()),
    )
    return _draw_bars(
        bars,
        across,
        range(len(order) + 1),
        unit="frames",
        says=f"Frames of each of {counted(len(order), 'subject')}, stacked: with nerve, without",
        names={"a": "with nerve", "b": "without", "unknown": "truth unknown"},
        width=WIDE,
    )


def draw_prevalences(subjects: Sequence[Part]) -> Markup:
    """How many subjects have which share of their frames with nerve, in eleven bars."""
    shares = [part.prevalence for part in subjects if part.prevalence is not None]
    counts = np.bincount(np.rint(np.multiply(shares, 10)).astype(np.int64), minlength=11)
    return _draw_bars(
        [
            Bar(f"about {place / 10:.1f}: {counted(count, 'subject')}", ((count, "a"),))
            for place, count in enumerate(counts.tolist())
        ],
        Axis("share of a subject's frames with nerve, rounded", -0.05, 1.05),
        np.arange(-0.05, 1.1, 0.1),
        unit="subjects",
        says="Number of subjects by their prevalence",
    )


def draw_areas(description: Description) -> Markup:
    """Distribution of the areas of masks with nerve."""
    areas = np.array([mask.area for mask in description.drawn])
    return _histogram(areas, below="area of the nerve in pixels", noun="mask")


def draw_frame_greys(description: Description) -> Markup:
    """Distribution of the frames' mean grey levels."""
    greys = np.array([frame.grey for frame in description.measured])
    return _histogram(greys, below="mean grey level of a frame, of 255", noun="frame")


def draw_levels(description: Description) -> Markup:
    """Share of pixels at each grey level, four levels a bar; black and white apart."""
    levels = description.levels
    shares = 100 * levels / max(levels.sum(), 1)
    inner = [
        (f"{low} to {min(low + 3, 254)}", shares[low : min(low + 4, 255)].sum())
        for low in range(1, 255, 4)
    ]
    named = [("0", shares[0]), *inner, ("255", shares[255])]
    said = [(level / 4 + 0.5, str(level)) for level in (0, 64, 128, 192)]
    return _draw_bars(
        [Bar(f"level {name}: {share:.2f} %", ((share, "a"),)) for name, share in named],
        Axis("grey level: 0, then four levels a bar, then 255", 0, len(named), said),
        range(len(named) + 1),
        unit="% of all pixels",
        says="Percentage of all pixels by grey level",
    )


def draw_places(description: Description) -> Markup:
    """Where the nerve lies: centroids, mean mask, and the mean frame to compare with."""
    (height, width), _ = description.sizes.most_common(1)[0]
    aspect, figures = height / width, []
    if masks := len(description.drawn):
        most = int(description.centroids.max())
        figures = [
            figure(
                map_picture(
                    description.centroids.astype(np.float64), most=most, aspect=aspect,
                    alt=f"Heat map of the centroids of {masks} masks",
                ),
                f"Centroids of {counted(masks, 'mask')}: white none, dark {most} in one cell",
            ),
            figure(
                map_picture(
                    description.mean_mask, most=float(description.mean_mask.max()), aspect=aspect,
                    alt=f"Mean of {masks} masks",
                ),
                f"Mean mask: dark is covered by {description.mean_mask.max():.0%} of the masks",
            ),
        ]  # fmt: skip
    mean, most = description.mean_frame, description.mean_frame.max()
    stretched = grey_picture(mean * 255 / max(most, 1), aspect=aspect, alt="Mean of all frames")
    said = (
        f"Mean of {counted(description.all.frames, 'frame')}: white is a grey level of {most:.0f}"
    )
    figures.append(figure(stretched, said))
    return side_by_side(figures)


def _histogram(values: NDArray[np.float64] | NDArray[np.int64], *, below: str, noun: str) -> Markup:
    edges = _round_edges(float(values.min()), float(values.max()))
    counts = np.histogram(values, bins=edges)[0].tolist()
    return _draw_bars(
        [
            Bar(f"{low:,g} to {high:,g}: {counted(count, noun)}", ((count, "a"),))
            for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True)
        ],
        Axis(below, edges[0], edges[-1]),
        edges,
        unit=f"{noun}s",
        says=f"Histogram of {counted(len(values), noun)}: {below}",
    )


def _draw_bars(
    bars: Sequence[Bar],
    across: Axis,
    edges: ArrayLike,
    *,
    unit: str,
    says: str,
    names: Mapping[str, str] | None = None,
    width: int = WIDTH,
) -> Markup:
    """Bars over an axis from 0 to the highest; unit: what their height counts."""
    highest = max((sum(height for height, _ in bar.parts) for bar in bars), default=0) or 1
    whole = highest < _FEW and highest == int(highest)
    counts = [(count, str(count)) for count in range(int(highest) + 1)] if whole else None
    plot = Plot(
        across,
        Axis(unit, 0, highest, counts),
        says=f"{says}; highest: {round(highest, 2):,g} {unit}",
        width=width,
    )
    plot.bars(bars, edges, names=names)
    return plot.svg()


def _round_edges(low: float, high: float) -> list[float]:
    """Up to `_BINS` bins of a round width that hold low to high, both included."""
    least = max((high - low) / (_BINS - 2), 1e-3)
    power = 10.0 ** np.floor(np.log10(least))
    width = next(size * power for size in (1, 2, 5, 10) if size * power >= least)
    first, last = int(np.floor(low / width)), int(np.floor(high / width)) + 1
    return [round(place * width, 6) for place in range(first, last + 1)]
