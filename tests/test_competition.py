"""The ladder of experiments: rows are trained, scored, resumed, refused and listed."""

import csv
import json
import re
import shutil
import sys
from pathlib import Path

import hydra
import numpy as np
import pytest
import torch
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from PIL import Image

from nerveceg.data.phantom import write_phantom
from nerveceg.errors import NerveCegError
from nerveceg.evaluation.saved import read_results
from nerveceg.tools import ladder
from nerveceg.tools.attempt import FILE, attempt, progress_of
from nerveceg.tools.command import compose
from nerveceg.tools.composition import build
from nerveceg.tools.entries import make_entries, word

CONF = Path(__file__).parents[1] / "conf"
LADDERS = ["quick", "full"]
CLS = [
    "cls.model.backbone=test_efficientnet",
    "cls.model.weights=null",
    "cls.model.drop_path=0",
    "cls.epochs=1",
    "cls.batch_size=8",
]
SEG = [
    "seg.model.encoder=tu-test_resnet",
    "seg.model.weights=null",
    "seg.epochs=1",
    "seg.batch_size=4",
]
ROWS = {
    "lite0": ["experiment=lite0", *CLS, *SEG],
    "alone": ["experiment=lite0", "cls=none", *SEG],
    "broken": ["cls=none", "seg.model.encoder=resnet43"],
}
ADDED = [f"+ladder.rows.{name}={words}" for name, words in ROWS.items()]
LADDER = ["ladder=quick", "~ladder.rows", *ADDED, "ladder.seconds=null"]
TINY = ["ladder.shared=['data.geometry.size=[64,88]']", "runtime.device=cpu", "bootstraps=50"]


def climb(folder, *words):
    """The ladder's exit status, called in a folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "argv", ["ladder.py", *LADDER, *TINY, *words])
        try:
            ladder.main()
        except SystemExit as stop:
            return stop.code
    return 0


@pytest.fixture
def make_entry(tmp_path):
    """Makes a row of a ladder that was called with these words."""
    before = HydraConfig.instance().cfg

    def make(words, *given, seconds=None):
        given = [f"out={tmp_path}", *given]
        with hydra.initialize_config_module("nerveceg.conf", version_base="1.3"):
            config = hydra.compose("config", overrides=given, return_hydra_config=True)
        HydraConfig.instance().set_config(config)
        return make_entries(config, {"row": words}, shared=[], seconds=seconds)["row"]

    yield make
    HydraConfig.instance().cfg = before


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        3,
        1e-05,
        "",
        "it's a b",
        r"^(P\d+)\_",
        "a=b,c",
        "null",
        r"end\\",
        "[1]",
        [1, "a,b"],
    ],
)
def test_a_word_says_any_value_so_that_hydra_reads_it_back(value):
    (parsed,) = OverridesParser.create().parse_overrides([word("data.root", value)])
    assert parsed.value() == value


def test_rows_share_frames_and_split_but_not_what_the_networks_see(make_entry):
    given = ["data=kaggle", "data.split.seed=4", "fold=2", "data.subject_pattern='^(a b)$'"]
    entry = make_entry(["experiment=nerveceg_2020"], *given, "overwrite=true")
    data = entry.config.data
    assert (data.split.by, data.split.seed, data.root) == ("subject", 4, "data/uns/train")
    assert (data.subject_pattern, data.name) == ("^(a b)$", "kaggle")
    assert list(data.geometry.size) == [400, 400]
    assert entry.folder.parts[-3:] == ("default", "row", "fold_2")
    assert not any(each.startswith("overwrite") for each in entry.words)


def test_the_seconds_are_shared_by_the_networks_of_a_row(make_entry):
    two = make_entry(["experiment=lite0"], seconds=90)
    assert (two.stages, two.config.cls.seconds, two.config.seg.seconds) == (("cls", "seg"), 45, 45)
    one = make_entry(["experiment=lite0", "cls=none"], seconds=90)
    assert one.stages == ("seg",)
    assert (one.config.seg.seconds, one.config.seg.epochs, one.config.seg.patience) == (
        90,
        1000,
        None,
    )
    assert compose(list(one.words)).seg == one.config.seg


def test_a_row_that_is_done_is_not_run_again_until_it_is_changed(make_entry):
    entry = make_entry(["experiment=lite0", "cls=none"])
    done = {"train_seg": 3.0, "evaluate": 1.0}
    entry.folder.mkdir(parents=True)
    remembered = {"settings": entry.settings, "done": done, "failure": None}
    (entry.folder / FILE).write_text(json.dumps(remembered))
    assert attempt(entry, overwrite=False).done == done
    assert [path.name for path in entry.folder.iterdir()] == [FILE]
    changed = make_entry(["experiment=lite0", "cls=none", "data.geometry.size=[64,88]"])
    wanted = r"data.geometry.size=\[128, 176\], \[64, 88\] is wanted now.*overwrite=true"
    with pytest.raises(NerveCegError, match=wanted):
        progress_of(changed)


MISTAKES = {
    "an unknown row": (["ladder.only=lite1"], "ladder.only=lite1: no such row; there are lite0, "),
    "an unknown reference": (["ladder.reference=b4"], "ladder.reference=b4: no such row"),
    "an unknown experiment": (
        ["+ladder.rows.x=['experiment=lite9']", "ladder.only=x"],
        "row x: .* joint lite0 ",
    ),
    "a misspelt key": (["+ladder.rows.x=['seg.epoch=3']", "ladder.only=x"], "row x: .*seg.epochs"),
    "no second run for the joint ladder": (["ladder=joint"], "against=null: the run of a single"),
    "an unknown ladder": (
        ["ladder=fast"],
        "Could not find 'ladder/fast'.* full head_start joint quick",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line_before_anything_is_run(mistake, tmp_path, capsys):
    words, wanted = MISTAKES[mistake]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        patch.setattr(sys, "argv", ["ladder.py", "ladder=quick", *words])
        with pytest.raises(SystemExit, match="2"):
            ladder.main()
    assert list(tmp_path.iterdir()) == []
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line]
    assert re.search(wanted, line), line


@pytest.mark.parametrize("name", LADDERS)
def test_the_rows_of_a_ladder_name_options_that_exist(name):
    rows = compose([f"ladder={name}"]).ladder.rows
    named = [each.split("=") for words in rows.values() for each in words if "." not in each]
    assert named
    assert [pair for pair in named if not (CONF / f"{'/'.join(pair)}.yaml").is_file()] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", LADDERS)
def test_every_row_of_a_ladder_composes(name, make_entry):
    node = compose([f"ladder={name}"]).ladder
    for words in node.rows.values():
        entry = make_entry([*words, *node.shared], seconds=node.seconds)
        assert entry.config.data.split.by == "subject"
        assert entry.config.data.geometry.crop is None or name == "full"


@pytest.mark.slow
def test_every_network_of_the_quick_ladder_can_be_built(make_entry):
    node = compose(["ladder=quick"]).ladder
    for words in node.rows.values():
        entry = make_entry([*words, *node.shared])
        assert tuple(entry.config.data.geometry.size) == (128, 176)
        for stage in entry.stages:
            assert isinstance(build(entry.config[stage].model), torch.nn.Module)


@pytest.fixture(scope="module")
def climbed(tmp_path_factory):
    """A folder where a ladder of three rows was run, one of which can't be; never write there."""
    folder = tmp_path_factory.mktemp("climbed")
    write_phantom(folder / "necks", subjects=16, frames_per_subject=2, progress=False)
    for path in (folder / "necks/train").glob("*.tif"):
        Image.fromarray(np.asarray(Image.open(path))[::4, ::4]).save(path)
    assert climb(folder, "data.root=necks/train") == 0
    return folder


@pytest.fixture
def copied(climbed, tmp_path):
    shutil.copytree(climbed, tmp_path / "copy")
    return tmp_path / "copy"


def stamps(run):
    return {path: path.stat().st_mtime_ns for path in run.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_a_ladder_ends_in_one_table_of_the_same_held_out_frames(climbed):
    run = climbed / "runs/default"
    with (run / "ladder.csv").open() as file:
        rows = {row["row"]: row for row in csv.DictReader(file)}
    assert list(rows) == ["all empty", "lite0", "alone", "broken"]
    ours, alone = (read_results(run / name) for name in ("lite0", "alone"))
    assert list(ours.ids) == list(alone.ids)
    assert float(rows["all empty"]["dice"]) == pytest.approx(1 - ours.nerve.mean())
    assert float(rows["lite0"]["dice"]) == pytest.approx(ours.dice().mean())
    change = (alone.dice() - ours.dice()).mean()
    assert float(rows["alone"]["difference"]) == pytest.approx(change)
    assert int(rows["lite0"]["parameters"]) > int(rows["alone"]["parameters"]) > 1000
    assert float(rows["lite0"]["gflop"]) > float(rows["alone"]["gflop"]) > 0
    assert "nearest: resnet34" in rows["broken"]["failure"]
    text = (run / "ladder.md").read_text()
    assert "Ladder quick: train, split by subject, fold 0 of 5" in text
    assert "Machinery, not a ranking" in text
    assert Image.open(run / "ladder.png").width > 500


@pytest.mark.slow
def test_a_second_call_runs_what_is_not_done_and_nothing_else(copied, capsys):
    run = copied / "runs/default"
    before = stamps(run)
    assert climb(copied, "data.root=necks/train") == 0
    said = capsys.readouterr().err
    after = stamps(run)
    changed = {path.relative_to(run).parts[0] for path in after if after[path] != before.get(path)}
    assert changed == {"broken", "ladder.md", "ladder.csv", "ladder.png"}
    assert [line for line in said.splitlines() if ": train_" in line][0] == "broken: train_seg"


@pytest.mark.slow
def test_a_row_that_was_stopped_goes_on_from_its_last_epoch(copied, capsys):
    row = copied / "runs/default/alone"
    began = json.loads((row / FILE).read_text())
    (row / FILE).write_text(json.dumps({**began, "done": {}}))
    (row / "report.json").unlink()
    weights = (row / "seg/model.safetensors").read_bytes()
    assert climb(copied, "data.root=necks/train", "ladder.only=alone") == 0
    assert "alone: Dice " in capsys.readouterr().err
    assert "epoch 1:" not in (row / "train_seg.log").read_text()
    assert (row / "seg/model.safetensors").read_bytes() == weights
    assert list(json.loads((row / FILE).read_text())["done"]) == ["train_seg", "evaluate"]


@pytest.mark.slow
def test_rows_run_beside_each_other_with_joblib(tmp_path, capfd):
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    rows = [
        "+ladder.rows.worse=['cls=none','seg.model.encoder=resnet44']",
        "ladder.only=broken,worse",
    ]
    assert climb(tmp_path, *rows, "--multirun", "hydra/launcher=joblib") == 0
    said = capfd.readouterr().err
    for name in ("broken", "worse"):
        assert f"{name} failed: train_seg: unknown encoder" in said
        assert (tmp_path / "runs/default" / name / FILE).is_file()
    assert not (tmp_path / "runs/default/ladder.md").exists()
