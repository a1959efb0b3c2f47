"""A data set's description to one HTML page: what it holds, before anyone trains on it."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from markupsafe import Markup

from nerveceg.data.conflicts import Audit
from nerveceg.data.description import Description, Part, find_findings, summarise
from nerveceg.data.description.findings import counted
from nerveceg.outputs.html.data_figures import (
    MOST_BARS,
    draw_areas,
    draw_frame_greys,
    draw_levels,
    draw_places,
    draw_prevalences,
    draw_subjects,
)
from nerveceg.outputs.html.examples import choose_examples, draw_examples
from nerveceg.outputs.html.page import (
    figure,
    folded,
    listing,
    page,
    paragraph,
    section,
    side_by_side,
    table,
)

MOST_ROWS = 500
_PARTS = ("frames", "with nerve", "without", "unknown", "prevalence", "median area", "mean grey")


def data_page(
    description: Description,
    *,
    name: str,
    near: Audit | None = None,
    spacing_mm: float | None = None,
) -> str:
    """The page as HTML text, under 10 MB.

    near: the near-duplicates, where they were looked for; spacing_mm: side of a pixel of all
    frames, where it is known.

    Raises:
        DataError: a frame that was measured can't be read any more.
    """
    frames, subjects = description.all.frames, [part for part in description.subjects if part.name]
    parts = [_findings(description)]
    if frames:
        parts += [
            section("Example frames", draw_examples(choose_examples(description))),
            section("Subjects", *_subjects(description)),
            section("Masks", *_masks(description, spacing_mm)),
            section("Grey levels", *_grey(description)),
            *(section(f"By {column}", _parts_table(column, own))
              for column, own in description.groups.items()),
        ]  # fmt: skip
    parts.append(section("Files", *_files(description), *_copies(description, near)))
    every = description.all
    lead = (
        f"{counted(frames, 'frame')} of {counted(len(subjects), 'subject')}: {every.nerve:,} with "
        f"nerve, {every.empty:,} without, {every.unknown:,} of unknown truth."
    )
    return page(f"Data: {name}", parts, lead=lead)


def _findings(description: Description) -> Markup:
    found = [
        paragraph(
            f"{'Mend first: ' if finding.weight == 'mend' else ''}{finding.text}",
            kind=finding.weight,
        )
        for finding in find_findings(description)
    ]
    return section("What stands out", *(found or [paragraph("Nothing.")]))


def _subjects(description: Description) -> Iterator[Markup]:
    if len(description.subjects) <= MOST_BARS:
        yield figure(draw_subjects(description.subjects), "Frames of each subject", kind="wide")
    if description.all.prevalence is not None:
        shares = draw_prevalences(description.subjects)
        yield side_by_side([figure(shares, "Prevalence by subject")])
    rows = _parts_table("subject", [*description.subjects, description.all])
    yield folded("The same in numbers", rows)


def _masks(description: Description, spacing_mm: float | None) -> Iterator[Markup]:
    if description.drawn:
        numbers = summarise(description)["masks"]
        areas = figure(draw_areas(description), "Areas of the masks with nerve")
        yield side_by_side([areas])
        yield _quantiles(
            "Masks with nerve",
            ("area, px", numbers["area"], "{:,.0f}"),
            *_in_square_mm(numbers["area"], spacing_mm),
            ("area, % of the frame", _times(numbers["share_of_frame"], 100), "{:.1f}"),
            ("centroid, % from the top", _times(numbers["centroid_row"], 100), "{:.0f}"),
            ("centroid, % from the left", _times(numbers["centroid_column"], 100), "{:.0f}"),
        )
    yield draw_places(description)


def _grey(description: Description) -> Iterator[Markup]:
    numbers = summarise(description)["grey"]
    levels = figure(draw_levels(description), "Grey levels of all pixels")
    means = figure(draw_frame_greys(description), "Mean grey level of each frame")
    yield side_by_side([levels, means])
    yield _quantiles(
        "Of frames, grey levels from 0 to 255",
        ("mean", numbers["frame_mean"], "{:.1f}"),
        ("standard deviation", numbers["frame_contrast"], "{:.1f}"),
        ("% of pixels at 0", _times(numbers["frame_black_share"], 100), "{:.2f}"),
        ("% of pixels at 255", _times(numbers["frame_white_share"], 100), "{:.2f}"),
        *(
            (f"black border, {side}, px", found, "{:.0f}")
            for side, found in numbers["black_border"].items()
        ),
    )
    yield _quantiles("Of all pixels together", ("grey level", numbers["quantiles"], "{:.0f}"))
    yield paragraph(
        f"Over all pixels: mean {numbers['mean']:.1f}, {numbers['black_share']:.2%} at 0, "
        f"{numbers['white_share']:.2%} at 255. Levels are of 8 bits, as the networks get them."
    )


def _files(description: Description) -> Iterator[Markup]:
    if description.all.frames:
        yield table(
            ("rows x columns", "frames"),
            ((f"{height} x {width}", count)
             for (height, width), count in description.sizes.most_common(MOST_ROWS)),
            caption="Sizes",
        )  # fmt: skip
        kinds = description.kinds.most_common(MOST_ROWS)
        yield table(("depth and format", "frames"), kinds, caption="Image files")
    if description.unread:
        rows = [(file.frame.id, file.part, file.reason) for file in description.unread]
        caption = f"{counted(len(rows), 'file')} can't be read"
        yield table(("frame", "file", "why"), rows[:MOST_ROWS], caption=caption)
        yield from _rest(rows)
    else:
        yield paragraph("Every file can be read.")
    if names := [frame.frame.id for frame in description.unlabelled]:
        listed = (listing(names[:MOST_ROWS]), *_rest(names))
        yield folded(f"{counted(len(names), 'frame')} without truth", *listed)


def _copies(description: Description, near: Audit | None) -> Iterator[Markup]:
    rows = [
        (
            ", ".join(copies.frames),
            ", ".join(name or "(unknown)" for name in copies.subjects),
            "file" if copies.same_bytes else "pixels",
            "contradictory" if copies.contradictory else "",
        )
        for copies in description.copies
    ]
    if rows:
        caption = f"{counted(len(rows), 'set')} of equal frames"
        headers = ("frames", "subjects", "equal", "labels")
        yield table(headers, rows[:MOST_ROWS], caption=caption)
        yield from _rest(rows)
    else:
        yield paragraph("No two frames are equal to the pixel.")
    if near is None:
        yield paragraph("Near-duplicates weren't looked for; near_duplicates=true does.")
    else:
        yield paragraph(
            f"Near-duplicates within subjects: {counted(len(near.pairs), 'pair')}, "
            f"{len(near.contradictions):,} with contradictory labels (tools/audit.py shows them)."
        )


def _parts_table(what: str, parts: Sequence[Part]) -> Markup:
    rows = (
        (
            *(part.name or "(unknown)", part.frames, part.nerve, part.empty, part.unknown),
            "-" if part.prevalence is None else f"{part.prevalence:.3f}",
            "-" if part.area is None else f"{part.area:,.0f}",
            f"{part.grey:.1f}",
        )
        for part in islice(parts, MOST_ROWS)
    )
    shown = table((what, *_PARTS), rows, caption=f"Frames by {what}; areas in pixels")
    return Markup("\n").join([shown, *_rest(parts)])


def _quantiles(caption: str, *rows: tuple[str, dict[str, float], str]) -> Markup:
    headers = ("", *(_named(share) for share in rows[0][1]))
    cells = ((name, *map(form.format, found.values())) for name, found, form in rows)
    return table(headers, cells, caption=caption)


def _in_square_mm(
    area: dict[str, float], spacing_mm: float | None
) -> list[tuple[str, dict[str, float], str]]:
    return [("area, mm²", _times(area, spacing_mm**2), "{:,.1f}")] if spacing_mm else []


def _named(share: str) -> str:
    ends = {0.0: "least", 0.5: "median", 1.0: "most"}
    return ends.get(float(share), f"{100 * float(share):.0f} %")


def _times(found: dict[str, float], factor: float) -> dict[str, float]:
    return {share: factor * value for share, value in found.items()}


def _rest(listed: Sequence[object] | Iterable[object]) -> list[Markup]:
    count = len(list(listed)) - MOST_ROWS
    return [paragraph(f"... and {count:,} more in data.json.")] if count > 0 else []
