import json
import re

import pytest
import torch

from nerveceg.calibration import Calibration
from nerveceg.checkpoint import (
    Description,
    assemble,
    missing_stages,
    read_description,
    write_description,
)
from nerveceg.data.geometry import Geometry
from nerveceg.decision import Rule
from nerveceg.errors import NerveCegError
from nerveceg.files import sha256_of
from nerveceg.models.saving import save_model

RULE = Rule(presence=0.6, mask=0.45, area=30, postprocess=("fill_holes",))
CALIBRATION = Calibration(slope=1.3, intercept=-0.2)


def save_stages(folder, models, *, seg=None, **both):
    facts = {
        "geometry": Geometry(size=(64, 96)).to_dict(),
        "split": {"by": "subject", "folds": 5, "seed": 0, "fold": 0},
        "trained_on": ["aa", "bb"],
        "constant_mask": {"size": [4, 5], "runs": "6 3"},
        **both,
    }
    save_model(models[0], folder / "cls", {**facts, "trained_on": ["bb", "cc"]})
    save_model(models[1], folder / "seg", {**facts, **(seg or {})})


@pytest.fixture
def models(make_classifier, make_segmenter):
    return make_classifier(0), make_segmenter(0)


@pytest.fixture
def run(tmp_path, models):
    folder = tmp_path / "demo"
    save_stages(folder, models)
    return folder


def refused(call, *args, **options):
    with pytest.raises(NerveCegError) as caught:
        call(*args, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_an_assembled_run_tells_what_its_two_stages_were_trained_with(run):
    assemble(run, calibration=CALIBRATION, rule=RULE)
    described = read_description(run)
    assert described.geometry == Geometry(size=(64, 96))
    assert described.calibration == CALIBRATION
    assert described.rule == RULE
    assert described.trained_on == {"aa", "bb", "cc"}
    mask = torch.zeros(1, 1, 4, 5, dtype=torch.bool)
    mask[0, 0, 1:4, 1] = True
    assert torch.equal(described.constant_mask, mask)


def test_a_description_comes_back_equal(run):
    mask = torch.rand(1, 1, 21, 29) > 0.6
    written = Description(
        geometry=Geometry(size=(32, 32), crop=(20, 30)),
        calibration=CALIBRATION,
        rule=RULE,
        trained_on=frozenset({"dd"}),
        constant_mask=mask,
    )
    write_description(run, written)
    read = read_description(run)
    assert torch.equal(read.constant_mask, mask)
    for name in ("geometry", "calibration", "rule", "trained_on"):
        assert getattr(read, name) == getattr(written, name)


def test_the_file_names_weights_by_sha256_and_holds_no_path_of_the_machine(run):
    assemble(run, calibration=CALIBRATION, rule=RULE)
    text = (run / "pipeline.json").read_text(encoding="utf-8")
    for stage in ("cls", "seg"):
        assert sha256_of(run / stage / "model.safetensors") in text
    assert str(run.parent) not in text
    assert not re.search(r'"/|[A-Z]:\\\\', text)
    assert "not a medical device" in text


def test_weights_that_were_changed_later_are_refused(run):
    assemble(run, calibration=CALIBRATION, rule=RULE)
    path = run / "seg" / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    message = refused(read_description, run)
    assert str(path) in message
    assert "sha256" in message
    assert "train the stage again" in message


def test_weights_that_were_deleted_later_are_named(run):
    assemble(run, calibration=CALIBRATION, rule=RULE)
    (run / "cls" / "model.safetensors").unlink()
    assert str(run / "cls" / "model.safetensors") in refused(read_description, run)


def test_a_run_without_stages_names_both_tools(tmp_path):
    message = refused(read_description, tmp_path / "demo")
    assert "tools/train_cls.py and python tools/train_seg.py" in message
    assert "name=demo" in message


def test_a_run_without_the_second_stage_names_its_tool_alone(run):
    (run / "seg" / "model.safetensors").unlink()
    assert missing_stages(run) == ["seg"]
    message = refused(read_description, run)
    assert "tools/train_seg.py" in message
    assert "tools/train_cls.py" not in message


def test_two_stages_that_were_not_put_together_are_told_how(run):
    assert missing_stages(run) == []
    assert "tools/train_seg.py" in refused(read_description, run)


@pytest.mark.parametrize(
    ("fact", "other", "cure"),
    [
        ("geometry", Geometry(size=(96, 96)).to_dict(), "data.geometry"),
        ("split", {"by": "subject", "folds": 5, "seed": 0, "fold": 1}, "the same data.split"),
    ],
)
def test_stages_that_do_not_fit_are_not_put_together(run, models, fact, other, cure):
    save_stages(run, models, seg={fact: other})
    message = refused(assemble, run, calibration=CALIBRATION, rule=RULE)
    assert fact in message
    assert cure in message
    assert not (run / "pipeline.json").exists()


def change(run, **entries):
    assemble(run, calibration=CALIBRATION, rule=RULE)
    path = run / "pipeline.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content.update(entries)
    path.write_text(json.dumps({k: v for k, v in content.items() if v != "gone"}))
    return refused(read_description, run)


def test_another_schema_is_refused(run):
    assert "schema 2" in change(run, schema=2)


@pytest.mark.parametrize("name", ["geometry", "calibration", "rule", "weights", "trained_on"])
def test_a_file_that_lacks_an_entry_is_refused_by_its_name(run, name):
    message = change(run, **{name: "gone"})
    assert "pipeline.json" in message
    assert name in message


def test_a_rule_with_an_unknown_entry_is_refused(run):
    assert "sharpness" in change(run, rule={**RULE.to_dict(), "sharpness": 1})


@pytest.mark.parametrize("text", ["{", "[]", "\x00"])
def test_a_damaged_file_is_refused_by_its_name(run, text):
    (run / "pipeline.json").write_text(text)
    assert "pipeline.json" in refused(read_description, run)
