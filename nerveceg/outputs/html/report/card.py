"""A run's model card: what it is for, what it isn't, and the figures, checked against a schema."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nerveceg.documents import read_json
from nerveceg.outputs.html.report.run import Run
from nerveceg.outputs.html.report.schema import require_card
from nerveceg.outputs.notice import RESEARCH_USE

WORDS: Mapping[str, Any] = {
    "intended_use": "Research on finding the brachial plexus in single B-mode ultrasound frames: "
    "whether a frame shows the nerve, and which pixels it covers.",
    "intended_users": "Researchers who have labelled frames of their own to test it on.",
    "not_for": [
        "diagnosis or treatment of any patient",
        "guiding a needle, or deciding where to inject",
        "other nerves, probes or scanners than those of the training frames",
    ],
    "limits": [
        "It knows what its training frames show: other hands, necks and scanners may differ, and "
        "nothing here measures how much.",
        "The truth is one annotator's contour; where labels contradict each other, no model can "
        "be right on all of them.",
        "Intervals are over the subjects of this report; they don't cover another site.",
        "Subgroups by age, sex or body mass aren't judged unless the data names them.",
    ],
    "contact": None,
    "licence": None,
    "ethics": None,
}
"""What a card says until its owner writes something better into model_card.json."""


def make_card(
    figures: Mapping[str, Any], run: Run, *, words: Mapping[str, Any] = WORDS
) -> dict[str, Any]:
    """The card of a report; figures: the content of report.json.

    Raises:
        DataError: the words make no card of the schema.
    """
    facts, rows = figures["facts"], {row["name"]: row for row in figures["rows"]}
    two_stage = rows["two-stage"]
    card = {
        "name": str(facts.get("run") or "a run without a name"),
        "notice": RESEARCH_USE,
        **{name: words.get(name, usual) for name, usual in WORDS.items()},
        "model": list(run.networks),
        "training": {
            "data": run.data,
            "frames": run.trained_on,
            "split": run.split,
        },
        "evaluation": {
            "data": facts.get("data"),
            "frames": figures["frames"],
            "subjects": figures["subjects"],
            "prevalence": figures["prevalence"],
            "dice": two_stage["dice"]["value"],
            "interval": [two_stage["dice"]["low"], two_stage["dice"]["high"]],
            "all_empty": rows["all empty"]["dice"]["value"],
            "sensitivity": two_stage["sensitivity"]["value"],
            "specificity": two_stage["specificity"]["value"],
        },
        "decision": dict(facts.get("rule") or {}),
        "version": facts.get("nerveceg"),
    }
    require_card(card, source="model card")
    return card


def read_card(path: Path) -> Mapping[str, Any]:
    """The words of a model_card.json that its owner wrote; the usual ones without such a file.

    Raises:
        DataError: it is no JSON file, or no model card.
    """
    if not path.is_file():
        return WORDS
    card = read_json(path)
    require_card(card, source=str(path))
    return {name: card[name] for name in WORDS if name in card}


def rule_in_words(rule: Mapping[str, Any]) -> str:
    """How a rule, as plain values, decides: the gate, the pixels, then what else it states."""
    if not rule:
        return "unknown"
    gate, pixels = rule.get("presence"), rule.get("mask")
    said = [
        "a mask where it is expected to pay" if gate is None else f"a mask from presence {gate:g}",
        "pixels by the best expected Dice" if pixels is None else f"pixels from {pixels:g}",
    ]
    rest = {
        name: value for name, value in rule.items() if name not in ("presence", "mask") and value
    }
    for name, value in rest.items():
        shown = " and ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
        said.append(f"{name} {shown}".replace("_", " "))
    return "; ".join(said)
