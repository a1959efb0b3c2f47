import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from nerveceg.calibration import Calibration, Correction
from nerveceg.checkpoint import (
    Description,
    assemble,
    describe_trained,
    missing_stages,
    read_description,
    stages_of,
    write_description,
)
from nerveceg.data.filters import Diffusion
from nerveceg.data.geometry import Geometry
from nerveceg.decision import Rule
from nerveceg.errors import NerveCegError
from nerveceg.files import sha256_of
from nerveceg.models.saving import save_model
from nerveceg.probability.maps import Beta, Platt
from nerveceg.probability.misses import MissCurve
from nerveceg.temporal import FrameByFrame, HiddenMarkov
from nerveceg.views import View

RULE = Rule(presence=0.6, mask=0.45, area=30, postprocess=("fill_holes",))
CALIBRATION = Calibration(
    presence=Beta(a=1.3, b=0.9, c=-0.2),
    pixel=Platt(slope=0.4, intercept=0.1),
    contour=Correction(slope=0.8, intercept=0.1),
    prevalence=0.4,
    misses=MissCurve.of(np.array([0.2, 0.7, 0.9]), np.array(["1", "1", "2"])),
)


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
        geometry=Geometry(size=(32, 32), crop=(20, 30), corner=(4, 0)),
        filter=Diffusion(kappa=12),
        calibration=CALIBRATION,
        rule=RULE,
        views=(View(), View(scale=0.9, mirrored=True)),
        trained_on=frozenset({"dd"}),
        constant_mask=mask,
    )
    write_description(run, written)
    read = read_description(run)
    assert torch.equal(read.constant_mask, mask)
    for name in ("geometry", "filter", "members", "views", "calibration", "rule", "trained_on"):
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
        ("filter", Diffusion().to_dict(), "the same data/filter"),
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


@pytest.mark.parametrize(
    ("schema", "cure"), [(3, "a later version"), (0, "train it again"), (None, "train it again")]
)
def test_another_schema_is_refused(run, schema, cure):
    message = change(run, schema=schema)
    assert f"schema {schema}" in message
    assert cure in message


@pytest.mark.parametrize(
    "name", ["geometry", "views", "calibration", "rule", "weights", "trained_on"]
)
def test_a_file_that_lacks_an_entry_is_refused_by_its_name(run, name):
    message = change(run, **{name: "gone"})
    assert "pipeline.json" in message
    assert name in message


def test_a_file_from_before_there_were_filters_has_none(run):
    assemble(run, calibration=CALIBRATION, rule=RULE)
    path = run / "pipeline.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    assert content.pop("filter") is None
    path.write_text(json.dumps(content))
    assert read_description(run).filter is None


def test_the_filter_that_both_stages_were_trained_with_is_the_pipelines(run, models):
    save_stages(run, models, filter=Diffusion(iterations=3).to_dict())
    assemble(run, rule=RULE)
    assert read_description(run).filter == Diffusion(iterations=3)


@pytest.mark.parametrize("made", [{"name": "os.system"}, {"_target_": "os.system"}, "diffusion"])
def test_a_filter_that_is_not_known_is_refused_and_never_run(run, made):
    assert re.search("data.filter|pipeline.json", change(run, filter=made))


def test_a_rule_with_an_unknown_entry_is_refused(run):
    assert "sharpness" in change(run, rule={**RULE.to_dict(), "sharpness": 1})


@pytest.fixture
def folds(tmp_path, models):
    """A folder of two runs, put together as an ensemble."""
    folder = tmp_path / "folds"
    for name in ("fold_0", "fold_1"):
        save_stages(folder / name, models)
    described = replace(
        describe_trained(folder / "fold_0"),
        members=("fold_0", "fold_1"),
        calibration=CALIBRATION,
        rule=RULE,
    )
    write_description(folder, described)
    return folder


def test_every_member_is_described_with_both_digests(folds):
    assert read_description(folds).members == ("fold_0", "fold_1")
    weights = json.loads((folds / "pipeline.json").read_text())["weights"]
    for member, digests in weights.items():
        for stage, digest in digests.items():
            assert digest == sha256_of(folds / member / stage / "model.safetensors")
    assert [*weights] == ["fold_0", "fold_1"]
    assert all([*digests] == ["cls", "seg"] for digests in weights.values())


@pytest.mark.parametrize("name", ["../outside", "fold_0/../../outside", "absolute", "link"])
def test_a_member_outside_the_runs_folder_is_refused(folds, tmp_path, models, name):
    save_stages(tmp_path / "outside", models)
    (folds / "link").symlink_to(tmp_path / "outside")
    name = str(tmp_path / "outside") if name == "absolute" else name
    path = folds / "pipeline.json"
    content = json.loads(path.read_text())
    content["weights"][name] = content["weights"]["fold_0"]
    path.write_text(json.dumps(content))
    message = refused(read_description, folds)
    assert repr(name) in message
    assert "outside" in message


@pytest.mark.parametrize("stage", ["cls", "seg"])
def test_a_stage_without_a_digest_is_refused(run, stage):
    assemble(run, calibration=CALIBRATION, rule=RULE)
    weights = json.loads((run / "pipeline.json").read_text())["weights"]
    del weights["."][stage]
    message = change(run, weights=weights)
    assert "pipeline.json" in message
    assert stage in message


def test_a_run_without_a_gate_has_one_stage(tmp_path, models):
    folder = tmp_path / "single"
    facts = {"geometry": Geometry().to_dict(), "trained_on": ["aa"], "constant_mask": None}
    assert missing_stages(folder) == ["cls", "seg"]
    save_model(models[1], folder / "seg", {**facts, "gate": False})
    assert stages_of(folder) == ("seg",)
    assert missing_stages(folder) == []
    assemble(folder, rule=RULE)
    assert read_description(folder).trained_on == {"aa"}
    assert [*json.loads((folder / "pipeline.json").read_text())["weights"]["."]] == ["seg"]
    shutil.rmtree(folder / "seg")
    assert str(folder / "seg" / "model.safetensors") in refused(read_description, folder)


def test_a_stage_of_an_older_run_that_says_nothing_of_a_gate_has_one(run):
    assert stages_of(run) == ("cls", "seg")


@pytest.mark.parametrize("text", ["{", "[]", "\x00"])
def test_a_damaged_file_is_refused_by_its_name(run, text):
    (run / "pipeline.json").write_text(text)
    assert "pipeline.json" in refused(read_description, run)


def test_the_smoother_of_clips_comes_back_and_a_run_of_before_has_none(run):
    write_description(run, replace(describe_trained(run), temporal=HiddenMarkov(rate=0.03)))
    assert read_description(run).temporal == HiddenMarkov(rate=0.03)

    path = run / "pipeline.json"
    content = json.loads(path.read_text())
    del content["temporal"]
    path.write_text(json.dumps(content))
    assert read_description(run).temporal == FrameByFrame()
