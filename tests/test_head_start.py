"""The ladder of starts: its parts compose as they should, run, go on, and end in a table."""

import contextlib
import csv
import importlib
import re
import subprocess
import sys
from math import ceil

import hydra
import numpy as np
import pytest
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from PIL import Image

from nerveceg.data.phantom import write_phantom
from nerveceg.data.presence import presence_of
from nerveceg.errors import NerveCegError
from nerveceg.evaluation.saved import read_results
from nerveceg.models.saving import load_facts
from nerveceg.tools import ladder
from nerveceg.tools.command import compose
from nerveceg.tools.composition import load_split
from nerveceg.tools.head_start_parts import (
    Arm,
    Budget,
    Trial,
    arms_of,
    pretraining_entry,
    trial_entry,
    updates_in,
)

STREAM = [
    "experiment=starter",
    "data.stream.people=4",
    "data.phantom.subjects=8",
    "data.phantom.frames_per_subject=2",
    "cls.epochs=1",
    "seg.epochs=1",
    "runtime.workers=0",
]
TINY = [
    "ladder=head_start",
    "data.geometry.size=[64,88]",
    "cls.model.backbone=test_efficientnet",
    "cls.model.weights=null",
    "cls.model.drop_path=0",
    "cls.batch_size=4",
    "seg.model.encoder=tu-test_efficientnet",
    "+seg.model.decoder_channels=[32,16,16,8,8]",
    "seg.model.weights=null",
    "seg.batch_size=4",
    "runtime.device=cpu",
    "bootstraps=50",
    f"ladder.pretraining_shared={STREAM}",
    "~ladder.pretraining",
    "+ladder.pretraining={phantom:[]}",
    "ladder.updates=2",
    "ladder.epochs=1",
    "ladder.seeds=[0]",
    "ladder.sizes=[4,all]",
]
ARMS = "~ladder.arms", "+ladder.arms={imagenet:{},phantom:{start:phantom}}"


def run_here(command, *, stdout, **_):
    """In place of a process of its own for each tool: most of its seconds would be imports."""
    hydra_there, config_there = GlobalHydra.instance().hydra, HydraConfig.instance().cfg
    GlobalHydra.instance().clear()
    status = 0
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(stdout):
        patch.setattr(sys, "argv", command[2:])
        try:
            importlib.import_module(command[2]).main()
        except SystemExit as stop:
            status = stop.code
    GlobalHydra.instance().hydra, HydraConfig.instance().cfg = hydra_there, config_there
    return subprocess.CompletedProcess(command, status)


def climb(folder, *words):
    """The ladder's exit status, called in a folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "argv", ["ladder.py", *TINY, *words])
        patch.setattr("nerveceg.tools.attempt.subprocess.run", run_here)
        try:
            ladder.main()
        except SystemExit as stop:
            return stop.code
    return 0


@pytest.fixture
def called(frame_folder, tmp_path):
    """The configuration of a ladder called on thirty frames."""
    before = HydraConfig.instance().cfg
    given = ["ladder=head_start", f"data.root={frame_folder}", f"out={tmp_path}", "name=h"]
    with hydra.initialize_config_module("nerveceg.conf", version_base="1.3"):
        config = hydra.compose("config", overrides=given, return_hydra_config=True)
    HydraConfig.instance().set_config(config)
    yield config
    HydraConfig.instance().cfg = before


def make(config, name, arm, size, seed, starts):
    return trial_entry(
        config,
        Trial(name, size, seed),
        arm=Arm(**arm),
        shared=config.ladder.shared,
        budget=Budget(config.ladder.updates, config.ladder.epochs),
        starts=starts,
    )


def test_a_run_on_the_stream_keeps_its_own_frames(called, tmp_path):
    words = [*called.ladder.pretraining_shared, *called.ladder.pretraining.smooth]
    entry = pretraining_entry(tmp_path / "h", "smooth", words)
    data = entry.config.data
    assert (data.root, data.phantom.folder, data.phantom.seed) == (None, "data/starter", 20)
    assert (data.stream.variety.speckled, data.stream.variety.anywhere) == (False, False)
    assert entry.folder == tmp_path / "h/pre_smooth"
    assert (updates_in(entry, "cls"), updates_in(entry, "seg")) == (8 * 100, 16 * 50)


def test_a_trial_has_its_people_its_start_and_the_updates_of_its_budget(called, tmp_path):
    words = [*called.ladder.pretraining_shared, "data.stream.people=160"]
    starts = {"phantom": pretraining_entry(tmp_path / "h", "phantom", words)}
    arms = called.ladder.arms
    plain, begun, longer = (
        make(called, name, arms[name], "4", 2, starts)
        for name in ("imagenet", "phantom", "imagenet_longer")
    )
    assert plain.folder == tmp_path / "h/imagenet_4_2"
    train = load_split(plain.config).train
    assert len({frame.subject for frame in train}) == 4
    assert plain.config.seed == plain.config.data.split.subjects_seed == 2
    assert (plain.config.cls.init, begun.config.cls.init) == (None, str(tmp_path / "h/pre_phantom"))
    assert begun.config.seg.init == begun.config.cls.init
    for stage, frames, more in (
        ("cls", len(train), 8 * 20),
        ("seg", int(presence_of(train).sum()), 16 * 10),
    ):
        node = plain.config[stage]
        assert node.epochs == 10
        assert node.repeats == ceil(30 * 16 / frames) == begun.config[stage].repeats
        assert longer.config[stage].repeats == ceil((300 + more) / 10 * 16 / frames)
        updates = 10 * (node.repeats * frames // 16)
        assert abs(updates - 300) <= 10
    assert compose(list(longer.words)).seg == longer.config.seg


def test_every_arm_names_what_there_is():
    node = compose(["ladder=head_start"]).ladder
    assert node.reference in node.arms
    for words in node.arms.values():
        arm = Arm(**words)
        assert {arm.start, arm.updates_of} <= {None, *node.pretraining}


@pytest.mark.slow
def test_every_part_composes():
    node = compose(["ladder=head_start"]).ladder
    for words in node.arms.values():
        compose([*Arm(**words).words, *node.shared])
    for words in node.pretraining.values():
        assert compose([*node.pretraining_shared, *words]).data.stream.people == 800


def test_an_arm_has_no_other_keys():
    with pytest.raises(NerveCegError, match="ladder.arms.x.begin: no such key; .*start"):
        arms_of({"x": {"begin": "phantom"}})


MISTAKES = {
    "an unknown part": (["ladder.only.size=11"], "ladder.only.size=11: there is none; .* 4, all"),
    "an unknown start": (["+ladder.arms.x={updates_of:y}"], "y: no such pretraining; there are p"),
    "too many people": (["ladder.sizes=[99]"], "train_subjects is 99: 1 to 6 are wanted"),
    "a start that isn't trained": (["ladder.only.arm=phantom"], "pretraining=phantom first"),
}


@pytest.mark.slow
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line_before_anything_is_run(mistake, tmp_path, frame_folder, capsys):
    words, wanted = MISTAKES[mistake]
    assert climb(tmp_path, f"data.root={frame_folder}", *ARMS, *words) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line]
    assert re.search(wanted, line), line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_two_arms_of_two_sizes_end_in_a_table_and_are_not_run_again(tmp_path, capsys):
    write_phantom(tmp_path / "necks", subjects=12, frames_per_subject=2, progress=False)
    for path in (tmp_path / "necks/train").glob("*.tif"):
        Image.fromarray(np.asarray(Image.open(path))[::4, ::4]).save(path)
    words = ["data.root=necks/train", *ARMS]
    assert climb(tmp_path, *words, "ladder.only.pretraining=phantom") == 0
    run = tmp_path / "runs/default"
    assert sorted(path.name for path in run.iterdir() if path.is_dir()) == [
        ".frames",
        "pre_phantom",
    ]
    assert climb(tmp_path, *words) == 0, capsys.readouterr().err
    with (run / "head_start.csv").open() as file:
        rows = list(csv.DictReader(file))
    joint = {(row["arm"], row["people"]): row for row in rows if row["measure"] == "Dice"}
    assert list(joint) == [(a, s) for s in ("4", "all") for a in ("imagenet", "phantom")]
    plain, begun = (read_results(run / f"{arm}_4_0") for arm in ("imagenet", "phantom"))
    assert not np.array_equal(begun.presence, plain.presence)
    change = (begun.dice() - plain.dice()).mean()
    assert float(joint["phantom", "4"]["difference"]) == pytest.approx(change)
    assert load_facts(run / "phantom_4_0/cls")["init"]["from"].endswith("pre_phantom")
    assert load_facts(run / "imagenet_4_0/cls").get("init") is None
    assert Image.open(run / "head_start.png").width > 500
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*") if path.is_file()}
    assert climb(tmp_path, *words) == 0
    changed = {p.name for p, stamp in before.items() if p.stat().st_mtime_ns != stamp}
    assert changed == {"head_start.md", "head_start.csv", "head_start.png"}
