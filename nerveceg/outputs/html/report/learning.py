"""How a run learnt: the log of each stage and fold as figures, an epoch a step."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from nerveceg.outputs.html.plot import Axis, Plot

Log = Sequence[Mapping[str, Any]]
STYLES = "abcde"
FEW = 8
"""So many epochs are all named along the axis."""
NOT_SCORES = ("epoch", "loss", "rate")


def read_log(path: Path) -> Log:
    """The lines of a stage's log.jsonl, without any that a crash cut short; none without a file."""
    if not path.is_file():
        return []
    found = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            values = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(values, dict) and isinstance(values.get("epoch"), int):
            found.append(values)
    return found


def draw_learning(logs: Mapping[str, Log]) -> tuple[Markup, ...]:
    """Loss and score of one stage over epochs, a line a member; logs by the member's name."""
    logs = {member: log for member, log in logs.items() if log}
    if not logs:
        return ()
    last = next(iter(logs.values()))[-1]
    scores = [name for name in last if name not in NOT_SCORES]
    return tuple(_draw(logs, name) for name in ("loss", *scores[:1]) if _values(logs, name))


def _draw(logs: Mapping[str, Log], name: str) -> Markup:
    values, epochs = _values(logs, name), [line["epoch"] for log in logs.values() for line in log]
    low, high = min(values), max(values)
    margin = (high - low) * 0.05 or 0.05
    whole = [(epoch, str(epoch)) for epoch in range(max(epochs) + 1)]
    across = Axis("epoch", min(epochs) - 1, max(epochs), whole if len(whole) <= FEW else None)
    up = Axis(name.replace("_", " "), low - margin, high + margin)
    plot = Plot(across, up, says=f"{name} over {max(epochs)} epochs")
    for place, (member, log) in enumerate(logs.items()):
        points = [(line["epoch"], line[name]) for line in log if _is_number(line.get(name))]
        if points:
            style, named = STYLES[place % len(STYLES)], "" if member == "." else member
            plot.line(*zip(*points, strict=True), style=style, name=named)
        if len(points) == 1:  # a line through one point is nothing to see
            plot.dots(*zip(*points, strict=True), style=style, shape="dot")
    return plot.svg()


def _values(logs: Mapping[str, Log], name: str) -> list[float]:
    values = (line.get(name) for log in logs.values() for line in log)
    return [float(value) for value in values if value is not None and _is_number(value)]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
