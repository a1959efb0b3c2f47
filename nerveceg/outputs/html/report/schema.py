"""JSON values against a JSON schema, as far as the model card's schema goes."""

import json
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Any

from nerveceg.errors import DataError

TYPES: Mapping[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "number": (int, float),
    "integer": int,
    "null": type(None),
}
KEYWORDS = frozenset(
    ("$schema", "title", "description", "type", "required", "properties")
    + ("additionalProperties", "items", "enum", "minLength", "minItems", "minimum", "maximum")
)
"""All that `faults` understands; a schema with others would be checked by half."""


def card_schema() -> dict[str, Any]:
    """The schema of model cards, card.schema.json."""
    text = resources.files("nerveceg.outputs.html.report").joinpath("card.schema.json")
    schema: dict[str, Any] = json.loads(text.read_text(encoding="utf-8"))
    return schema


def require_card(card: object, *, source: str) -> None:
    """Refuse a model card that isn't one; `source` names it in the message.

    Raises:
        DataError: what the schema says against it first.
    """
    fault = next(faults(card, card_schema()), None)
    if fault is not None:
        raise DataError(f"{source}: {fault}; card.schema.json describes a model card")


def faults(value: object, schema: Mapping[str, Any], *, place: str = "the card") -> Iterator[str]:
    """Each way in which a value breaks a schema of KEYWORDS (JSON Schema, draft 2020-12)."""
    named = schema.get("type", list(TYPES))
    kinds = [named] if isinstance(named, str) else named
    if not any(_is(value, kind) for kind in kinds):
        yield f"{place} is {json.dumps(value)[:40]}: {' or '.join(kinds)} is wanted"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{place} is {json.dumps(value)[:40]}: one of {schema['enum']} is wanted"
    if isinstance(value, dict):
        yield from _faults_of_object(value, schema, place)
    elif isinstance(value, str | list):
        yield from _faults_of_length(value, schema, place)
    elif isinstance(value, int | float):
        yield from _faults_of_number(value, schema, place)


def _faults_of_object(
    value: Mapping[str, Any], schema: Mapping[str, Any], place: str
) -> Iterator[str]:
    known = schema.get("properties", {})
    yield from (f"{place} lacks {name}" for name in schema.get("required", ()) if name not in value)
    if schema.get("additionalProperties", True) is False:
        yield from (f"{place} has no {name}" for name in value if name not in known)
    for name in known.keys() & value.keys():
        yield from faults(value[name], known[name], place=name)


def _faults_of_length(
    value: str | list[Any], schema: Mapping[str, Any], place: str
) -> Iterator[str]:
    least = schema.get("minLength" if isinstance(value, str) else "minItems", 0)
    if len(value) < least:
        yield f"{place} has a length of {len(value)}: {least} or more is wanted"
    if isinstance(value, list) and "items" in schema:
        for number, item in enumerate(value, start=1):
            yield from faults(item, schema["items"], place=f"{place}, entry {number},")


def _faults_of_number(value: float, schema: Mapping[str, Any], place: str) -> Iterator[str]:
    low, high = schema.get("minimum", -float("inf")), schema.get("maximum", float("inf"))
    if not low <= value <= high:
        yield f"{place} is {value}: a number from {low} to {high} is wanted"


def _is(value: object, kind: str) -> bool:
    return isinstance(value, TYPES[kind]) and not isinstance(value, bool)
