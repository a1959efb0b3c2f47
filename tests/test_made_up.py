"""Training on a stream of made-up people, and the pair of weights that comes of it."""

import json
import shlex
import shutil
import sys

import pytest
import torch

from nerveceg.data.phantom import write_phantom
from nerveceg.models.saving import load_facts, load_model
from nerveceg.models.shipping import halved
from nerveceg.models.starting import find_origin, start_network
from nerveceg.tools import evaluate, make_starter, train_cls, train_seg
from nerveceg.tools.command import compose
from nerveceg.tools.starter_record import EXPERIMENT

NETWORKS = [
    "data.geometry.size=[64,88]",
    "cls.model.backbone=test_efficientnet",
    "cls.model.weights=null",
    "cls.model.drop_path=0",
    "seg.model.encoder=tu-test_efficientnet",
    "+seg.model.decoder_channels=[32,16,16,8,8]",
    "seg.model.weights=null",
]
TINY = [
    "experiment=starter",
    *NETWORKS,
    "data.stream.people=4",
    "data.stream.variety.scale=[0.8,1.2]",
    "data.phantom.subjects=12",
    "data.phantom.frames_per_subject=2",
    "cls.epochs=2",
    "cls.batch_size=4",
    "seg.epochs=2",
    "seg.batch_size=2",
    "optimizer.lr=0.001",
    "runtime.device=cpu",
    "runtime.workers=0",
    "bootstraps=50",
]


def call(folder, tool, *words):
    """The tool's exit status, called in a folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "argv", ["tool.py", *words])
        try:
            tool.main()
        except SystemExit as stop:
            return stop.code
    return 0


@pytest.fixture(scope="module")
def streamed(tmp_path_factory):
    """A folder with a run of both stages on a stream, and its pair; never write there."""
    folder = tmp_path_factory.mktemp("streamed")
    for tool in (train_cls, train_seg):
        assert call(folder, tool, *TINY) == 0
    write_phantom(folder / "unseen", subjects=10, frames_per_subject=2, seed=77, progress=False)
    packed = ["checkpoint=runs/starter", "input=unseen/train", "output=pair", "bootstraps=50"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nerveceg.tools.starter_record.MEASURED", 4)
        assert call(folder, make_starter, *packed, "runtime.device=cpu") == 0
    return folder


@pytest.fixture
def copied(streamed, tmp_path):
    shutil.copytree(streamed, tmp_path / "copy")
    return tmp_path / "copy"


@pytest.mark.slow
def test_a_run_on_a_stream_is_scored_on_frames_of_the_folder(streamed, tmp_path, capsys):
    words = [f"checkpoint={streamed}/runs/starter", f"output={tmp_path}/out", "html=false"]
    assert call(streamed, evaluate, *words, "bootstraps=50") == 0
    report = json.loads((tmp_path / "out/report.json").read_text())
    assert report["subjects"] == 6
    facts = load_facts(streamed / "runs/starter/cls")
    assert facts["data"] == "phantom_stream"
    assert "two-stage" in capsys.readouterr().out


@pytest.mark.slow
def test_a_stopped_run_goes_on_with_the_same_made_up_people(copied, capsys):
    folder = copied / "runs/starter/cls"
    weights = (folder / "model.safetensors").read_bytes()
    *_, newest = sorted((folder / "state").glob("*.safetensors"), key=lambda p: p.stat().st_mtime)
    newest.unlink()
    assert call(copied, train_cls, *TINY, "resume=true") == 0
    said = capsys.readouterr().err
    assert "8 frames of a stream of made-up people, validated on data/starter (phantom)" in said
    assert "epoch 2" in said
    assert "epoch 1:" not in said
    assert (folder / "model.safetensors").read_bytes() == weights


@pytest.mark.slow
def test_the_pair_says_what_the_run_says_and_how_it_was_made(streamed):
    record = json.loads((streamed / "pair/starter.json").read_text())
    torch.manual_seed(0)
    image = torch.rand(3, 1, 64, 88)
    for stage in ("cls", "seg"):
        trained, own = (load_model(streamed / "runs/starter" / stage) for _ in range(2))
        for parameter in own.parameters():
            torch.nn.init.zeros_(parameter)
        start_network(own, find_origin(stage, "starter", starter=streamed / "pair"))
        with torch.no_grad():
            torch.testing.assert_close(own(image), trained(image), rtol=5e-3, atol=1e-3)
        rounded = halved(trained.state_dict())
        assert all(torch.equal(own.state_dict()[name], rounded[name].float()) for name in rounded)
    assert record["report"]["subjects"] == 10
    assert record["statistics"]["frames"] == 8
    assert 0.1 < record["statistics"]["grey_mean"] < 0.7
    card = (streamed / "pair/MODEL_CARD.md").read_text()
    assert f"{record['report']['dice']['value']:.3f}" in card
    assert "Apache-2.0" in card
    assert all(command in card for command in record["command"])


@pytest.mark.slow
def test_the_command_in_the_record_makes_the_same_run(streamed):
    record = json.loads((streamed / "pair/starter.json").read_text())
    for stage, command in zip(("cls", "seg"), record["command"], strict=True):
        python, tool, *words = shlex.split(command)
        assert (python, tool, words[0]) == ("python", f"tools/train_{stage}.py", EXPERIMENT)
        # A shell takes one pair of quotes away; none of these values holds any.
        made, wanted = compose(command.split()[2:]), compose(TINY)
        for key in ("data", "augment", "cls", "seg", "loss", "optimizer", "schedule", "seed"):
            assert made[key] == wanted[key]


@pytest.mark.slow
def test_training_begins_with_the_pair_and_refuses_what_does_not_fit(copied, capsys):
    words = ["data.root=unseen/train", "data=phantom", "name=mine", *NETWORKS]
    given = [*words, "cls.epochs=1", "cls.init=pair", "runtime.device=cpu"]
    assert call(copied, train_cls, *given) == 0
    facts = load_facts(copied / "runs/mine/cls")
    record = json.loads((copied / "pair/starter.json").read_text())
    assert facts["init"] == {"from": "pair", "sha256": record["stages"]["cls"]["sha256"]}
    assert set(record["trained_on"]) < set(facts["trained_on"])
    printed = "".join(capsys.readouterr())
    assert "stage cls: begins with the network of pair, which saw none of these frames" in printed
    assert (
        call(copied, train_seg, *words, "seg.init=pair", "seg.model.architecture=UnetPlusPlus") == 2
    )
    assert "its architecture is Unet, UnetPlusPlus is wanted here" in capsys.readouterr().err
    again = ["checkpoint=runs/starter", "input=unseen/train", "output=pair"]
    assert call(copied, make_starter, *again) == 2
    assert "pair holds a pair already: overwrite=true" in capsys.readouterr().err
    assert call(copied, make_starter, "checkpoint=runs/mine", "output=x") == 2
    assert "input=null: labelled frames" in capsys.readouterr().err


def test_policies_for_near_duplicates_are_refused_beside_a_stream(frame_folder, run):
    words = [*NETWORKS, f"data.root={frame_folder}", "data.conflicts=weight", "cls.epochs=1"]
    status, _, err = run(train_cls, "data=phantom_stream", *words)
    assert status == 2
    assert "data.conflicts=weight beside data.stream: made-up people have no near-dup" in err
