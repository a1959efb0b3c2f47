"""What a frame costs in each row of a ladder, measured one row after the other."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from nerveceg.tools.composition import load_split
from nerveceg.tools.entries import Entry

if TYPE_CHECKING:
    from nerveceg.evaluation.cost import Cost, Grey
    from nerveceg.runtime import Runtime

FILE = "cost.json"


def costs_of(
    config: DictConfig, entries: Mapping[str, Entry], runtime: "Runtime"
) -> "dict[str, Cost]":
    """The cost of a held-out frame with nerve by row; kept beside each row's pipeline."""
    image = _frame_with_nerve(config)
    return {name: _cost_of(entry.folder, image, runtime) for name, entry in entries.items()}


def _frame_with_nerve(config: DictConfig) -> "Grey":
    from nerveceg.data.images import read_image
    from nerveceg.data.presence import is_present

    held_out = load_split(config).test
    return read_image(next(filter(is_present, held_out), held_out[0]).image)


def _cost_of(folder: Path, image: "Grey", runtime: "Runtime") -> "Cost":
    """Measured unless it was, of the same pipeline on the same machine."""
    from nerveceg.evaluation.cost import Cost, measure_cost, processor_in_words
    from nerveceg.files import sha256_of, write_text
    from nerveceg.pipeline import Pipeline

    of = {"pipeline": sha256_of(folder / "pipeline.json"), "machine": processor_in_words(runtime)}
    path = folder / FILE
    if path.is_file():
        known = json.loads(path.read_text(encoding="utf-8"))
        if known["of"] == of:
            return Cost(**known["cost"])
    cost = measure_cost(Pipeline.from_pretrained(folder, runtime=runtime), image)
    write_text(path, json.dumps({"of": of, "cost": cost._asdict()}, indent=1) + "\n")
    return cost
