"""A pair's record as its model card: what it is, how it was made, how good it is, in Markdown."""

from collections.abc import Mapping
from typing import Any

from tabulate import tabulate

from nerveceg.outputs.notice import RESEARCH_USE

HEAD = """# Starter weights

A gate and a segmenter that have learnt from made-up ultrasound frames alone, to start training on
your own frames from: `cls.init=starter seg.init=starter`. No patient's frame was used, and by
themselves they are no model of real frames: train them on yours before you look at a mask.

{notice}
"""


def starter_card(record: Mapping[str, Any]) -> str:
    """Markdown of `starter.json`'s record, but for the networks' files, which that names itself."""
    report, size = record["report"], record["geometry"]["size"]
    parts = [
        HEAD.format(notice=RESEARCH_USE),
        f"Licence: {record['licence']}. nerveceg {record['nerveceg']}. "
        f"Networks see {size[0]} x {size[1]} pixels.",
        "## How they were made",
        "```bash\n" + "\n".join(record["command"]) + "\n```",
        _table([_training(record, stage) for stage in record["seeds"]], TRAINING),
        "## What they learnt from",
        _table([list(record["statistics"].values())], list(record["statistics"])),
        "Of the stream's first people, before augmentation. Grey levels in [0, 1]; mask: share of "
        "the pixels of a frame with nerve.",
        "## Their own report",
        f"{report['frames']} frames of {report['subjects']} made-up subjects that they never saw, "
        f"{report['prevalence']:.3f} with nerve, in half precision as they are handed on. "
        f"Gate: AUROC {_estimate(report['gate']['auroc'])}.",
        _table([_row(row) for row in report["rows"]], ["row", "Dice (95 %)", "Dice on nerve"]),
        "These are phantom scores. They say that the pair has learnt, not what it is worth on real "
        "frames.",
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


TRAINING = ["stage", "seed", "people an epoch", "epochs", "batch", "best epoch", "score"]


def _training(record: Mapping[str, Any], stage: str) -> list[Any]:
    data, best = record["data"][stage], record["best"][stage]
    figures = [data["people_an_epoch"], data["epochs"], data["batch_size"]]
    return [stage, record["seeds"][stage], *figures, best.get("epoch"), _number(best.get("score"))]


def _row(row: Mapping[str, Any]) -> list[str]:
    return [row["name"], _estimate(row["dice"]), _number(row["dice_on_nerve"]["value"])]


def _estimate(estimate: Mapping[str, float | None]) -> str:
    value, low, high = (_number(estimate[name]) for name in ("value", "low", "high"))
    return value if "-" in (low, high) else f"{value} ({low} to {high})"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _table(rows: list[list[Any]], headers: list[str]) -> str:
    return tabulate(rows, headers, tablefmt="github", disable_numparse=True)
