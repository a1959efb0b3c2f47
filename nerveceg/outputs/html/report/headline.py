"""The score beside the rows that say what it is worth: a point and an interval each."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from nerveceg.evaluation.rows import TWO_STAGE
from nerveceg.outputs.html.drawing import drawing, path, word

WIDTH, LEFT, RIGHT, ROW, TOP = 400, 168, 44, 26, 8


def draw_headline(rows: Sequence[Mapping[str, Any]]) -> Markup:
    """Dice of each row of report.json with its interval, one below the other."""
    bottom = TOP + ROW * len(rows)
    parts = [_scale(tick / 5, bottom) for tick in range(6)]
    for place, row in enumerate(rows):
        if row["dice"]["value"] is not None:
            parts.append(_row(row, TOP + ROW * place + ROW // 2))
        else:
            parts.append(word(LEFT - 8, TOP + ROW * place + ROW // 2 + 4, row["name"], "end"))
    parts.append(word((LEFT + WIDTH - RIGHT) / 2, bottom + 30, "Dice over all frames", "middle"))
    says = "Dice of the two stages beside its baselines; the table has the numbers"
    return drawing(WIDTH, bottom + 36, says, parts)


def _row(row: Mapping[str, Any], middle: int) -> Markup:
    dice, ours = row["dice"], row["name"] == TWO_STAGE
    across, style = _across(dice["value"]), "a" if ours else "grey"
    shape = f"M{across - 2.5:.1f} {middle - 2.5}h5v5h-5z" if ours else f"M{across:.1f} {middle}h0"
    words = [
        word(LEFT - 8, middle + 4, row["name"], "end", "strong" if ours else ""),
        word(WIDTH - RIGHT + 8, middle + 4, f"{dice['value']:.3f}", "start"),
    ]
    if dice["low"] is not None:
        low, high = _across(dice["low"]), _across(dice["high"])
        ends = f"M{low:.1f} {middle - 6}v12m0-6H{high:.1f}m0-6v12"
        words.append(path(ends, f"line solid {style}"))
    kind = "square" if ours else "dot"
    words.append(path(shape, f"mark {kind} {style}"))
    return Markup("").join(words)


def _scale(dice: float, bottom: int) -> Markup:
    line = path(f"M{_across(dice):.1f} {TOP}V{bottom}", "grid")
    return line + word(_across(dice), bottom + 14, f"{dice:g}", "middle")


def _across(dice: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * dice
