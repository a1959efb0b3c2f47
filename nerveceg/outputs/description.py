"""A data set's description as text for the console."""

from collections.abc import Iterable
from itertools import islice

from tabulate import tabulate

from nerveceg.data.description import Description, find_findings
from nerveceg.data.description.findings import counted

_MOST = 8


def description_table(description: Description) -> str:
    """What a data set holds, what stands out and what can't be read: under 40 lines."""
    every = description.all
    subjects = sum(bool(part.name) for part in description.subjects)
    sizes = (
        f"{high} x {wide}: {count:,}" for (high, wide), count in description.sizes.most_common()
    )
    kinds = (f"{kind}: {count:,}" for kind, count in description.kinds.most_common())
    rows = [
        ("frames", f"{every.frames:,} of {counted(subjects, 'subject')}"),
        (
            "truth",
            f"{every.nerve:,} with nerve, {every.empty:,} without, {every.unknown:,} unknown",
        ),
        ("rows x columns", ", ".join(_short(sizes))),
        ("files", ", ".join(_short(kinds))),
        ("equal frames", counted(len(description.copies), "set")),
        ("not read", counted(len(description.unread), "file")),
    ]
    found = [
        f"{'mend: ' if finding.weight == 'mend' else ''}{finding.text}"
        for finding in find_findings(description)
    ]
    unread = (f"not read: {file.frame.id}, {file.reason}" for file in description.unread)
    return "\n".join([tabulate(rows, tablefmt="plain"), "", *found, *_short(unread)])


def _short(lines: Iterable[str]) -> list[str]:
    every = iter(lines)
    shown = list(islice(every, _MOST))
    rest = sum(1 for _ in every)
    return [*shown, f"and {rest:,} more"] if rest else shown
