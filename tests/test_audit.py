"""The audit as a person runs it, and training under its policies."""

import csv
import subprocess
import sys
from pathlib import Path

import hydra
import pytest
import torch
from PIL import Image

from nerveceg.data.dataset import FrameDataset
from nerveceg.data.phantom import write_phantom
from nerveceg.outputs.notice import LINE
from nerveceg.tools import audit, train_cls
from nerveceg.tools.composition import build, load_split
from nerveceg.tools.stage import build_stage, datasets

ROOT = Path(__file__).parents[1]
POLICIES = ("keep", "drop-empty-twin", "soft-label", "weight")
TINY = [
    "data.geometry.size=[64,88]",
    "cls.model.backbone=test_efficientnet",
    "cls.model.drop_path=0",
    "cls.epochs=1",
    "cls.batch_size=8",
    "runtime.device=cpu",
]


@pytest.fixture(scope="module")
def necks(tmp_path_factory):
    """Sixteen people with four frames each, every nerve with an empty twin where there is room."""
    folder = tmp_path_factory.mktemp("phantom necks") / "set"
    write_phantom(
        folder,
        subjects=16,
        frames_per_subject=4,
        exact_twins=0.3,
        near_twins=0.4,
        progress=False,
    )
    return folder / "train"


@pytest.fixture
def composed(necks):
    """The configuration with overrides, and the split of its frames."""

    def compose(*words):
        with hydra.initialize_config_module("nerveceg.conf", version_base="1.3"):
            config = hydra.compose("config", [f"data.root='{necks}'", *TINY, *words])
        return config, load_split(config)

    return compose


def planted(necks):
    with (necks.parent / "truth.csv").open() as file:
        rows = list(csv.DictReader(file))
    return {
        frozenset((f"{row['subject']}_{row['img']}", f"{row['subject']}_{row['twin_of']}"))
        for row in rows
        if row["twin"]
    }


@pytest.mark.slow
def test_the_audit_writes_pairs_and_a_picture_of_them_and_says_how_many(necks, run):
    status, out, err = run(audit, f"data.root={necks}", "output=out")
    assert status == 0, err
    with Path("out/pairs.csv").open() as file:
        rows = list(csv.DictReader(file))
    wrong = [row for row in rows if row["kind"] != "agrees"]
    assert planted(necks) <= {frozenset((row["first"], row["second"])) for row in wrong}
    last = next(line for line in out.splitlines() if line.startswith("all "))
    assert last.split()[1:4] == ["64", str(len(rows)), str(len(wrong))]
    page = Path("out/audit.html").read_text()
    assert page.count('<article class="pair"') == min(len(wrong), 60)
    picture = Image.open("out/pairs.png")
    shown = min(len(wrong), 12)
    assert picture.size == (2 * 580 + 8, shown * (420 + 16 + 8) - 8 + LINE)
    assert f"{shown} of {len(wrong)} contradictory" in err


def test_without_contradictions_there_is_no_picture_and_an_old_one_goes(run):
    Path("out").mkdir()
    Path("out/pairs.png").write_bytes(b"of another audit")
    write_phantom(Path("set"), subjects=3, frames_per_subject=2, near_twins=0, progress=False)
    status, out, err = run(audit, "data.root=set/train", "output=out")
    assert status == 0, err
    assert len(Path("out/pairs.csv").read_text().splitlines()) == 1
    assert not Path("out/pairs.png").exists()
    assert "contradictory: 0 in presence" in out


@pytest.mark.slow
def test_one_command_trains_the_gate_under_each_policy_and_compares(necks, run):
    status, out, err = run(audit, f"data.root={necks}", "ablate=true", "name=c", *TINY)
    assert status == 0, err
    table = out.split("coherent: frames that nothing contradicts")[1].split()
    assert [table.count(policy) for policy in POLICIES] == [2] * 4
    weights = {p: Path(f"runs/c/{p}/cls/model.safetensors").read_bytes() for p in POLICIES}
    assert len(set(weights.values())) == 4
    for policy in POLICIES:
        assert f"conflicts: {policy}" in Path(f"runs/c/{policy}/cls/config.yaml").read_text()
    for line in out.splitlines():
        cells = line.split()
        if cells[:2] in ([policy, "all"] for policy in POLICIES):
            held_out = int(cells[2])
        if cells[:2] in ([policy, "coherent"] for policy in POLICIES):
            assert 0 < int(cells[2]) < held_out


@pytest.mark.slow
def test_training_that_keeps_the_labels_is_training_without_the_policies(necks, run, composed):
    from nerveceg.training.fit import fit

    assert run(train_cls, f"data.root={necks}", *TINY)[0] == 0
    config, split = composed()
    geometry, augment = build(config.data.geometry), build(config.augment)
    fit(
        **build_stage(config, "cls"),
        train=FrameDataset(split.train, geometry=geometry, augment=augment, seed=config.seed),
        validation=FrameDataset(split.validation, geometry=geometry),
        folder=Path("plain"),
        runtime=build(config.runtime),
        seed=config.seed,
    )
    kept = Path("runs/default/cls/model.safetensors").read_bytes()
    assert Path("plain/model.safetensors").read_bytes() == kept


@pytest.mark.parametrize("policy", POLICIES)
def test_a_policy_changes_training_labels_and_none_that_score(policy, composed):
    config, split = composed(f"data.conflicts={policy}")
    train, validation = datasets(config, split)
    plain, same_split = composed()
    _, validation_before = datasets(plain, same_split)
    assert validation.is_true
    assert validation.frames == validation_before.frames == split.validation
    assert torch.equal(validation.present, validation_before.present)
    assert split == same_split
    changed = not train.is_true or len(train) < len(split.train)
    assert changed == (policy != "keep")
    assert {frame.id for frame in train.frames} <= {frame.id for frame in split.train}


def test_an_unknown_policy_is_refused_before_anything_is_written(necks, run):
    status, _, err = run(train_cls, f"data.root={necks}", "data.conflicts=drop", *TINY)
    assert status == 2
    said = [line for line in err.splitlines() if line.startswith("error:")]
    assert said == ["error: data.conflicts=drop: any of keep, drop-empty-twin, soft-label, weight"]
    assert not Path("runs").exists()


def test_frames_of_one_subject_are_refused_in_one_line(necks, run):
    Path("one").mkdir()
    for path in necks.glob("1_*"):
        Path("one", path.name).write_bytes(path.read_bytes())
    status, _, err = run(audit, "data.root=one", "output=out")
    assert status == 2
    said = [line for line in err.splitlines() if line.startswith("error:")]
    assert len(said) == 1
    assert "two or more" in said[0]
    assert not Path("out").exists()


def test_frames_without_truth_are_left_out_and_said(necks, run):
    Path("some").mkdir()
    for path in [*necks.glob("1_*"), *necks.glob("2_*")]:
        Path("some", path.name).write_bytes(path.read_bytes())
    Path("some/2_1_mask.tif").unlink()
    status, out, err = run(audit, "data.root=some", "output=out")
    assert status == 0, err
    assert "1 of 8 frames have no truth: left out" in err
    assert "2_1," not in Path("out/pairs.csv").read_text()


@pytest.mark.slow
def test_help_comes_without_the_networks():
    done = subprocess.run(
        [sys.executable, "-X", "importtime", ROOT / "tools" / "audit.py", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "python tools/audit.py" in done.stdout
    assert "ablate" in done.stdout
    assert " torch\n" not in done.stderr
