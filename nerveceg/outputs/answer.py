"""One prediction as a line that a person reads."""

from nerveceg.outputs.predictions import Row


def answer_line(row: Row, *, spacing_mm: float | None = None) -> str:
    """What was decided on a frame, how surely, and where; with spacing_mm in millimetres too."""
    sure = f"{row.id}: {_DECISIONS[row.decision]}, presence {row.presence}"
    if row.expected != "nan":
        sure += f", expected Dice {row.expected}"
    if not row.area:
        return sure
    area = f"{row.area:,} px"
    if spacing_mm:
        area += f" ({row.area * spacing_mm**2:,.1f} mm²)"
    return f"{sure}, area {area}, centre at row {row.row} and column {row.column}"


_DECISIONS = {"nerve": "nerve", "none": "no nerve"}
