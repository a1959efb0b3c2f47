"""What stands out in a description, in sentences that say what to do about it."""

from collections.abc import Callable, Iterator, Sequence
from typing import Literal, NamedTuple

from nerveceg.data.description.description import Description, Part

# A prevalence of fewer frames than this says little about a device or a reader.
_FRAMES_OF_A_GROUP = 20
_PREVALENCE_APART = 0.2
_FEW_SUBJECTS = 10
_WIDE_BORDER = 0.05
_SMALL = 0.1


class Finding(NamedTuple):
    """One sentence about a data set."""

    weight: Literal["mend", "know"]
    """mend: training or its score would suffer; know: it explains scores"""
    text: str


def find_findings(description: Description) -> list[Finding]:
    """What to mend before training, then what to know about these frames."""
    mend = [Finding("mend", text) for rule in _MEND for text in rule(description)]
    know = [Finding("know", text) for rule in _KNOW for text in rule(description)]
    return mend + know


def _unread(found: Description) -> Iterator[str]:
    for part in ("image", "mask"):
        if count := sum(file.part == part for file in found.unread):
            yield (
                f"{counted(count, part)} can't be read: mend or take them out before training, "
                "which stops at the first of them."
            )


def _truth(found: Description) -> Iterator[str]:
    every = found.all
    if every.frames and every.prevalence is None:
        yield (
            "No frame has a truth: nothing can be trained or scored. Masks lie beside the images "
            "as NAME_mask.png, or data.mask_folder or data.table names them."
        )
    elif every.prevalence == 0:
        yield "No mask shows the nerve: there is nothing to learn a contour from."
    elif every.prevalence == 1:
        yield "Every mask shows the nerve: a gate has nothing to learn; cls=none trains without."


def _subjects(found: Description) -> Iterator[str]:
    nobody = sum(part.frames for part in found.subjects if not part.name)
    if nobody:
        yield (
            f"{_having(nobody, 'frame')} no subject, so that frames of one person can end up "
            "on both sides of a split: data.subject_pattern or a column subject tells them apart."
        )
    elif len(found.subjects) == 1:
        yield (
            f'All frames are of one subject, "{found.subjects[0].name}": a split by subject takes '
            "two or more; is data.subject_pattern missing?"
        )


def _copies(found: Description) -> Iterator[str]:
    across = sum(len(copies.subjects) > 1 for copies in found.copies)
    if across:
        yield (
            f"{counted(across, 'set')} of equal frames under different subjects: a split by "
            "subject would leak them from training to test."
        )
    wrong = sum(copies.contradictory for copies in found.copies)
    if wrong:
        yield (
            f"{counted(wrong, 'set')} of equal frames labelled both with and without nerve: "
            "tools/audit.py shows them, data.conflicts says what training makes of them."
        )


def _words(found: Description) -> Iterator[str]:
    if count := sum(frame.words for frame in found.measured):
        yield (
            f"{counted(count, 'DICOM picture')} of no stated ultrasound region: whatever the "
            "scanner wrote into it, names too, is still there and comes into every overlay and "
            "report. Export them cropped; data.geometry.crop only keeps it from the networks."
        )


def _baseline(found: Description) -> Iterator[str]:
    if (share := found.all.prevalence) is not None:
        yield (
            f"{share:.1%} of the frames with truth show the nerve: drawing nothing at all "
            f"scores a Dice of {1 - share:.3f} over them."
        )


def _unlabelled(found: Description) -> Iterator[str]:
    missing = len(found.unlabelled)
    if missing and found.all.prevalence is not None:
        yield f"{_having(missing, 'frame')} no truth: training and scores leave them out."


def _people(found: Description) -> Iterator[str]:
    named = [part for part in found.subjects if part.name]
    if 1 < len(named) < _FEW_SUBJECTS:
        yield f"{len(named)} subjects are few: intervals over subjects will be wide."
    several = [part for part in named if part.nerve + part.empty > 1]
    pure = sum(part.prevalence in (0, 1) for part in several)
    if pure and len(named) > 1:
        yield (
            f"{pure} of the {len(several)} subjects with two or more frames have the nerve in all "
            "of them or in none: a gate that knows the person is right there without looking."
        )


def _groups(found: Description) -> Iterator[str]:
    for column, parts in found.groups.items():
        known = [part for part in parts if part.nerve + part.empty >= _FRAMES_OF_A_GROUP]
        if len(known) < 2:
            continue
        low, high = min(known, key=_share), max(known, key=_share)
        if _share(high) - _share(low) >= _PREVALENCE_APART:
            yield (
                f"Prevalence goes with {column}: {_share(low):.2f} for "
                f"{low.name or '(empty)'}, {_share(high):.2f} for {high.name or '(empty)'}. "
                f"A gate can gain by telling {column} apart: look at the score of each."
            )


def _files(found: Description) -> Iterator[str]:
    if len(found.sizes) > 1:
        yield (
            f"Frames come in {len(found.sizes)} sizes: data.geometry brings them all to one, "
            "and scores are counted at each frame's own pixels."
        )
    for word, what in (
        ("colour", "in colour: their luminance is what the networks see"),
        ("16-bit", "of 16 bits: they are read by the smallest full scale of 8, 12 or 16 bits"),
    ):
        if count := sum(frames for kind, frames in found.kinds.items() if word in kind):
            yield f"{counted(count, 'frame')} {what}."


def _borders(found: Description) -> Iterator[str]:
    wide = sum(
        max(frame.border.top, frame.border.bottom) > _WIDE_BORDER * frame.height
        or max(frame.border.left, frame.border.right) > _WIDE_BORDER * frame.width
        for frame in found.measured
    )
    if wide:
        yield (
            f"{_having(wide, 'frame')} a black border wider than {_WIDE_BORDER:.0%} of a "
            "side: data.geometry.crop can cut it off."
        )


def _masks(found: Description) -> Iterator[str]:
    typical = found.all.area or 0
    for count, what in (
        (sum(mask.pieces > 1 for mask in found.drawn), "in several pieces"),
        (sum(mask.at_edge for mask in found.drawn), "at the edge of the frame"),
        (
            sum(mask.area < _SMALL * typical for mask in found.drawn),
            "smaller than a tenth of the median area",
        ),
    ):
        if count:
            yield f"{counted(count, 'mask')} {what}."


def counted(count: int, noun: str) -> str:
    """A number with its noun: 1 frame, 2,000 frames."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _having(count: int, noun: str) -> str:
    return f"{counted(count, noun)} {'has' if count == 1 else 'have'}"


def _share(part: Part) -> float:
    return part.prevalence or 0.0


Looks = Sequence[Callable[[Description], Iterator[str]]]
_MEND: Looks = (_unread, _truth, _subjects, _copies, _words)
_KNOW: Looks = (_baseline, _unlabelled, _people, _groups, _files, _borders, _masks)
