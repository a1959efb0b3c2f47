import copy
import json

import pytest

from nerveceg.decision import Rule
from nerveceg.errors import DataError
from nerveceg.outputs.html.report import make_card, read_card
from nerveceg.outputs.html.report.card import WORDS, rule_in_words
from nerveceg.outputs.html.report.run import Run
from nerveceg.outputs.html.report.schema import KEYWORDS, TYPES, card_schema, faults
from nerveceg.outputs.notice import RESEARCH_USE


@pytest.fixture(scope="module")
def card(results, saved):
    return make_card(saved(results, run="demo", nerveceg="1").figures, Run())


def test_the_card_has_the_figures_of_the_report_and_the_line_that_everything_has(card, results):
    assert card["evaluation"]["dice"] == pytest.approx(results.dice().mean())
    assert card["evaluation"]["frames"] == len(results)
    assert card["notice"] == RESEARCH_USE
    assert list(faults(card, card_schema())) == []


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("notice",), "Approved for patients.", "notice is"),
        (("intended_use",), "", "intended_use has a length of 0"),
        (("limits",), [], "limits has a length of 0"),
        (("limits",), [3], "limits, entry 1, is 3: string"),
        (("evaluation", "dice"), 1.2, "dice is 1.2: a number from 0 to 1"),
        (("evaluation", "frames"), 3.5, "frames is 3.5: integer"),
        (("evaluation", "frames"), True, "frames is true: integer"),
        (("contact",), 5, "contact is 5: string or null"),
        (("approved",), True, "the card has no approved"),
    ],
)
def test_a_card_that_breaks_the_schema_is_told_how(card, path, value, said):
    broken = copy.deepcopy(card)
    inner = broken
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    assert next(faults(broken, card_schema())).startswith(said)


def test_every_required_word_is_missed(card):
    for name in card_schema()["required"]:
        rest = {key: value for key, value in card.items() if key != name}
        assert list(faults(rest, card_schema())) == [f"the card lacks {name}"]


def test_the_schema_uses_nothing_that_is_not_checked():
    def walk(schema):
        assert set(schema) <= KEYWORDS
        named = schema.get("type", [])
        assert {named} if isinstance(named, str) else set(named) <= set(TYPES)
        for inner in [*schema.get("properties", {}).values(), *filter(None, [schema.get("items")])]:
            walk(inner)

    walk(card_schema())


def test_the_owners_words_come_back_and_another_ones_are_refused(card, tmp_path):
    path = tmp_path / "model_card.json"
    assert read_card(path) == WORDS
    path.write_text(json.dumps({**card, "contact": "me@example.org"}))
    assert read_card(path)["contact"] == "me@example.org"
    path.write_text(json.dumps({**card, "notice": "Ask your doctor."}))
    with pytest.raises(DataError, match=r"model_card\.json: notice is .*one of"):
        read_card(path)
    path.write_text("{")
    with pytest.raises(DataError, match="no JSON file"):
        read_card(path)


def test_a_rule_is_told_in_words():
    joint = rule_in_words(Rule(presence=None, mask=None).to_dict())
    assert joint.startswith("a mask where it is expected to pay; pixels by the best expected Dice;")
    plain = rule_in_words(Rule(presence=0.4, mask=0.5, area=900, postprocess=()).to_dict())
    assert plain == "a mask from presence 0.4; pixels from 0.5; area 900"
    assert rule_in_words({}) == "unknown"
