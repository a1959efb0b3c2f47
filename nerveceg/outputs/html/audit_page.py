"""An audit to one HTML page: contradictory near-duplicates, to be blinked against each other."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest

from markupsafe import Markup

from nerveceg.data.conflicts import Audit, Pair
from nerveceg.data.frames import Frame
from nerveceg.outputs.html.conflict_pair import draw_pair
from nerveceg.outputs.html.page import folded, listing, page, paragraph, section, table

MOST_PICTURED = 60
MOST_PICTURE_BYTES = 8_000_000
MOST_ROWS = 1_000
_FIRST = 12
_POLICIES = (
    "keep (the default) trains on the labels as they are.",
    "drop-empty-twin leaves out the frame labelled empty whose near-duplicate shows the nerve.",
    "soft-label has the gate aim at a mean of the presence of near-duplicates.",
    "weight lets every contradicted frame count less.",
)


def audit_page(audit: Audit, frames: Sequence[Frame], *, name: str) -> str:
    """The page as HTML text, under 10 MB: some pairs with pictures, the others listed.

    Raises:
        DataError: a file can't be read any more.
    """
    wrong = audit.contradictions
    by_id = {frame.id: frame for frame in frames}
    drawn = _draw_within_budget(_in_turn(wrong), by_id)
    listed = [pair for pair in wrong if pair not in drawn]
    lead = (
        f"{len(wrong):,} of {len(audit.pairs):,} near-duplicate pairs have labels that can't both "
        f"be right; {len(drawn):,} of them are shown here."
    )
    parts = [_reading(audit), _by_subject(audit, frames), *_shown(drawn), *_listed(listed)]
    return page(f"Audit of labels: {name}", parts, lead=lead)


def _reading(audit: Audit) -> Markup:
    null = audit.null
    return section(
        "How to read this",
        paragraph(
            "Two frames of one subject are near-duplicates if, aligned, they correlate (NCC) by "
            f"{null.threshold:.4f} or more; 999 of 1,000 pairs of different subjects stay below "
            f"{null.strangers:.4f}. Their labels contradict each other if one shows the nerve and "
            "the other doesn't, or if both do with a Dice below .2."
        ),
        paragraph(
            "In both frames the first one's contour is blue and the second one's orange; solid is "
            "the frame's own label, dotted the other's, moved to where it would lie. Blink lays "
            "the aligned frames over each other: what stays still is the same view. Where motion "
            "is reduced, it shows both at once, half transparent."
        ),
        paragraph(
            "Which label is right takes a reader's eye. What training makes of such pairs is a "
            "choice, data.conflicts=POLICY (frames that score a run keep their labels):"
        ),
        listing(_POLICIES),
    )


def _by_subject(audit: Audit, frames: Sequence[Frame]) -> Markup:
    sizes = Counter(frame.subject for frame in frames)
    near = Counter(pair.subject for pair in audit.pairs)
    wrong = Counter(pair.subject for pair in audit.contradictions)
    rows = [(who, sizes[who], near[who], count) for who, count in wrong.most_common(MOST_ROWS)]
    every = ("all", sizes.total(), near.total(), wrong.total())
    headers = ("subject", "frames", "pairs", "contradictory")
    caption = "Near-duplicate pairs by subject, most contradictory first"
    parts = [table(headers, [*rows[:_FIRST], every], caption=caption)]
    if rest := rows[_FIRST:]:
        others = table(headers, rest, caption="With fewer contradictory pairs")
        parts.append(folded(f"{len(rest):,} more subjects", others))
    return section("Subjects", *parts)


def _in_turn(wrong: Sequence[Pair]) -> Iterator[Pair]:
    """Every subject's most alike pair, then every subject's second, and so on."""
    own: defaultdict[str, list[Pair]] = defaultdict(list)
    for pair in wrong:
        own[pair.subject].append(pair)
    for row in zip_longest(*own.values()):
        yield from (pair for pair in row if pair is not None)


def _draw_within_budget(pairs: Iterator[Pair], frames: Mapping[str, Frame]) -> dict[Pair, Markup]:
    drawn: dict[Pair, Markup] = {}
    left = MOST_PICTURE_BYTES
    for pair in pairs:
        if len(drawn) == MOST_PICTURED:
            break
        shown = draw_pair(
            pair, frames[pair.first], frames[pair.second], name=f"pair-{len(drawn) + 1}"
        )
        left -= len(shown)
        if left < 0:
            break
        drawn[pair] = shown
    return drawn


def _shown(drawn: Mapping[Pair, Markup]) -> Iterator[Markup]:
    """A section a subject, those with most pairs shown first."""
    count = Counter(pair.subject for pair in drawn)
    for subject, _ in count.most_common():
        own = [shown for pair, shown in drawn.items() if pair.subject == subject]
        yield section(f"Subject {subject}", *own)


def _listed(pairs: Sequence[Pair]) -> Iterator[Markup]:
    if not pairs:
        return
    rows = [
        (
            *(pair.subject, pair.first, pair.second, f"{pair.ncc:.4f}", pair.kind),
            "-" if pair.dice is None else f"{pair.dice:.2f}",
        )
        for pair in pairs[:MOST_ROWS]
    ]
    headers = ("subject", "first", "second", "NCC", "contradicts in", "Dice")
    parts = [table(headers, rows, caption="Without pictures, the most alike first")]
    if len(pairs) > MOST_ROWS:
        parts.append(paragraph(f"... and {len(pairs) - MOST_ROWS:,} more in pairs.csv."))
    yield section("Other contradictory pairs", *parts)
