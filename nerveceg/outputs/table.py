"""A report as text: for the console, and for documents."""

import math
from collections.abc import Sequence

from tabulate import tabulate

from nerveceg.evaluation.bootstrap import Estimate
from nerveceg.evaluation.breakdown import Part
from nerveceg.evaluation.report import Report
from nerveceg.evaluation.rows import Row

HEADERS = ("row", "Dice", "95 % interval", "Dice on nerve", "sensitivity", "specificity")


def report_table(report: Report) -> str:
    """The report for a console: under 40 lines of at most 100 columns."""
    title = (
        f"Dice over {report.frames} frames of {report.subjects} subjects, "
        f"{_number(report.prevalence)} with nerve{_split(report)}\n"
        "(mean over all frames at native pixels; both empty = 1; intervals over subjects)"
    )
    rows = tabulate([_cells(row) for row in report.rows], HEADERS, disable_numparse=True)
    groups = [_group(name, parts) for name, parts in report.by_group.items()]
    return "\n\n".join(
        [title, rows, _stages(report), _loss(report), _contours(report), _honesty(report), *groups]
    )


def _split(report: Report) -> str:
    """A random split of frames is told beside the score that it flatters."""
    split = str(report.facts.get("split") or "")
    return f"; split by {split}" if split else ""


def _group(name: str, parts: Sequence[Part]) -> str:
    columns = ("frames", "prevalence", "all_empty", "dice", "dice_on_nerve")
    rows = [[part.name, part.frames, *map(_number, part[3:7])] for part in parts]
    headers = (name, *(column.replace("_", " ") for column in columns))
    return tabulate(rows, headers, disable_numparse=True)


def _cells(row: Row) -> Sequence[str]:
    return (
        row.name,
        _number(row.dice.value),
        _interval(row.dice),
        _number(row.dice_on_nerve.value),
        _number(row.sensitivity.value),
        _number(row.specificity.value),
    )


def _stages(report: Report) -> str:
    gate, final = report.gate, report.final
    lines = [
        ("gate", gate.sensitivity, gate.specificity),
        ("final mask", final.sensitivity, final.specificity),
    ]
    rates = tabulate(
        [[name, *map(_with_interval, rates)] for name, *rates in lines],
        ("stage", "sensitivity", "specificity"),
        disable_numparse=True,
    )
    return (
        f"{rates}\n"
        f"gate AUROC {_with_interval(gate.auroc)}, "
        f"average precision {_number(gate.average_precision)}\n"
        f"with nerve: {final.gate_misses} missed by the gate, "
        f"{final.drew_nothing} passed but drawn empty\n"
        f"without nerve: {final.false_alarms} drawn, {final.emptied} passed but drawn empty"
    )


def _loss(report: Report) -> str:
    loss = report.loss
    lines = [
        ("false alarms", loss.false_alarms, "masks on frames without nerve"),
        ("misses", loss.misses, "no mask on frames with nerve"),
        ("contour", loss.contour, f"Dice {_number(loss.dice_on_detected)} where detected"),
    ]
    table = tabulate(
        [[name, _number(lost), meaning] for name, lost, meaning in lines],
        tablefmt="plain",
        disable_numparse=True,
    )
    return f"where {_number(loss.total)} of the score is lost\n{table}"


def _contours(report: Report) -> str:
    found = report.contours_found
    return (
        f"{_contour(report)}\nsome contour found (counts, not overlap): nerve "
        f"{_number(found.found_nerve)}, lack of nerve {_number(found.lack_of_nerve)}, "
        f"loss {_number(found.loss)}"
    )


def _contour(report: Report) -> str:
    contour = report.contour
    overlap = (
        f"contour on {contour.nerve_frames} frames with nerve: IoU {_number(contour.iou)}, "
        f"recall {_number(contour.recall)}, precision {_number(contour.precision)}"
    )
    if not contour.measured:
        return overlap
    unit = "" if math.isnan(contour.hd95_mm) else f" ({contour.hd95_mm:.2f} mm)"
    return (
        f"{overlap}\nHD95 {contour.hd95_px:.1f} px{unit}, NSD at 5 px {_number(contour.nsd)}; "
        f"undefined on {contour.undefined} without a mask"
    )


def _honesty(report: Report) -> str:
    presence, dice = report.reliability, report.expectation
    lines = [
        f"presence: NLL {_with_interval(presence.nll)}, Brier {_number(presence.brier.value)}, "
        f"ECE {_number(presence.ece.value)}",
        f"calibration slope {_with_interval(presence.slope)}, intercept "
        f"{_with_interval(presence.intercept)}",
    ]
    if not math.isnan(dice.expected):
        lines.append(
            f"expected Dice {_number(dice.expected)}, realised {_number(dice.realised)}: "
            f"gap {_with_interval(dice.gap)}"
        )
    return "\n".join(lines)


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"


def _interval(estimate: Estimate) -> str:
    return "-" if math.isnan(estimate.low) else f"{estimate.low:.3f} to {estimate.high:.3f}"


def _with_interval(estimate: Estimate) -> str:
    return f"{_number(estimate.value)} ({_interval(estimate)})"
