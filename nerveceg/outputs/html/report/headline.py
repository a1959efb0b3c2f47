"""The score beside the rows that say what it is worth: a point and an interval each."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from nerveceg.evaluation.rows import TWO_STAGE
from nerveceg.outputs.html.report.plot import drawing

WIDTH, LEFT, RIGHT, ROW, TOP = 400, 168, 44, 26, 8


def draw_headline(rows: Sequence[Mapping[str, Any]]) -> Markup:
    """Dice of each row of report.json with its interval, one below the other."""
    bottom = TOP + ROW * len(rows)
    parts = [_scale(tick / 5, bottom) for tick in range(6)]
    for place, row in enumerate(rows):
        if row["dice"]["value"] is not None:
            parts.append(_row(row, TOP + ROW * place + ROW // 2))
        else:
            parts.append(_word(LEFT - 8, TOP + ROW * place + ROW // 2 + 4, row["name"], "end"))
    parts.append(_word((LEFT + WIDTH - RIGHT) / 2, bottom + 30, "Dice over all frames", "middle"))
    says = "Dice of the two stages beside its baselines; the table has the numbers"
    return drawing(WIDTH, bottom + 36, says, parts)


def _row(row: Mapping[str, Any], middle: int) -> Markup:
    dice, ours = row["dice"], row["name"] == TWO_STAGE
    across, style = _across(dice["value"]), "a" if ours else "grey"
    shape = f"M{across - 2.5:.1f} {middle - 2.5}h5v5h-5z" if ours else f"M{across:.1f} {middle}h0"
    words = [
        _word(LEFT - 8, middle + 4, row["name"], "end", "strong" if ours else ""),
        _word(WIDTH - RIGHT + 8, middle + 4, f"{dice['value']:.3f}", "start"),
    ]
    if dice["low"] is not None:
        low, high = _across(dice["low"]), _across(dice["high"])
        ends = f"M{low:.1f} {middle - 6}v12m0-6H{high:.1f}m0-6v12"
        words.append(Markup('<path class="line solid {}" d="{}"/>').format(style, ends))
    kind = "square" if ours else "dot"
    words.append(Markup('<path class="mark {} {}" d="{}"/>').format(kind, style, shape))
    return Markup("").join(words)


def _scale(dice: float, bottom: int) -> Markup:
    line = Markup('<path class="grid" d="M{0:.1f} {1}V{2}"/>').format(_across(dice), TOP, bottom)
    return line + _word(_across(dice), bottom + 14, f"{dice:g}", "middle")


def _across(dice: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * dice


def _word(across: float, up: float, text: str, anchor: str, style: str = "") -> Markup:
    word = Markup('<text class="{}" x="{:.1f}" y="{:g}" text-anchor="{}">{}</text>')
    return word.format(style, across, up, anchor, text)
