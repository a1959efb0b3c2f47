"""The tools as a person runs them: from frames to report, and every mistake in one line."""

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf
from PIL import Image

from nerveceg.data.images import read_mask
from nerveceg.data.phantom import write_phantom
from nerveceg.data.presence import is_present
from nerveceg.data.splits import Split
from nerveceg.postprocess import load_priors
from nerveceg.tools import evaluate, infer, make_phantom, train_cls, train_seg
from nerveceg.tools import report as report_tool
from nerveceg.tools.stage_folder import begin_stage, training_prior

ROOT = Path(__file__).parents[1]
TINY = [
    "data.geometry.size=[64,88]",
    "cls.model.backbone=test_efficientnet",
    "cls.model.drop_path=0",
    "cls.epochs=1",
    "cls.batch_size=8",
    "seg.model.encoder=tu-test_resnet",
    "seg.epochs=1",
    "seg.batch_size=4",
    "runtime.device=cpu",
    "bootstraps=50",
]


@pytest.fixture(scope="module")
def necks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("phantom necks")  # with a space, as users have
    write_phantom(folder / "set", subjects=16, frames_per_subject=2, progress=False)
    return folder / "set" / "train"


@pytest.fixture(scope="module")
def trained(necks, tmp_path_factory):
    """A run of both stages, and what the tools said."""
    folder = tmp_path_factory.mktemp("trained")
    said = {}
    for stage in ("cls", "seg"):
        done = subprocess.run(
            [sys.executable, ROOT / "tools" / f"train_{stage}.py", f"data.root={necks}", *TINY],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        said[stage] = done.stderr
    return folder / "runs" / "default", said


def test_training_says_what_runs_on_what_and_what_comes_next(trained):
    _, said = trained
    first = said["cls"].splitlines()[0]
    assert first.startswith("stage cls: test_efficientnet at 64 x 88 on ")
    assert "an epoch takes" in first
    last = {stage: said[stage].rstrip().splitlines()[-1] for stage in said}
    assert "next: python tools/train_seg.py 'data.root=" in last["cls"]
    assert "data.geometry.size=[64,88]" in last["cls"]
    assert last["seg"].endswith("next: python tools/infer.py checkpoint=runs/default")


def test_held_out_subjects_end_in_masks_tables_and_a_report(trained, necks, run):
    checkpoint, _ = trained
    # No word of the data: the run knows what it was trained on.
    status, out, err = run(infer, f"checkpoint={checkpoint}", "output=out", "bootstraps=50")
    assert status == 0, err
    assert f"of {necks}" in err
    report = json.loads(Path("out/report.json").read_text())
    names = [row["name"] for row in report["rows"]]
    assert {"all empty", "ungated", "two-stage", "oracle gate", "oracle segmenter"} <= set(names)
    for name in names:
        assert name in out
    with Path("out/predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == report["frames"] == len(list(Path("out/masks").glob("*.png")))
    for row in rows:
        mask = np.asarray(Image.open(f"out/masks/{row['id']}.png"))
        assert mask.shape == (420, 580)
        assert (mask > 0).sum() == int(row["area"])
    page = Path("out/report.html").read_text()
    assert "data:image/jpeg;base64," in page
    for text in (Path("out/report.json").read_text(), page):
        assert str(checkpoint.parent) not in text
        assert str(necks.parent) not in text


@pytest.mark.slow
def test_evaluating_gives_the_score_of_inferring(trained, necks, run):
    checkpoint, _ = trained
    words = [f"checkpoint={checkpoint}", f"data.root={necks}", *TINY]
    assert run(infer, *words, "output=a")[0] == 0
    assert run(evaluate, *words, "output=b")[0] == 0
    scores = [json.loads(Path(f"{x}/report.json").read_text())["dice"] for x in "ab"]
    assert scores[0] == scores[1]
    pages = [Path(f"{x}/report.html").read_text() for x in "ab"]
    assert pages[0] == pages[1]
    for part in ("cls", "seg"):
        shutil.copytree(checkpoint / part, f"b/{part}")
    shutil.copy(checkpoint / "pipeline.json", "b")
    Path("b/report.html").unlink()
    status, _, err = run(report_tool, "checkpoint=b")
    assert status == 0, err
    assert Path("b/report.html").read_text() == pages[1]
    card = json.loads(Path("b/model_card.json").read_text())
    assert card["evaluation"]["dice"] == scores[1]["value"]


def test_the_rule_of_the_run_yields_to_the_command_line_alone(trained, necks, run):
    checkpoint, _ = trained
    words = [f"checkpoint={checkpoint}", f"data.root={necks}", "output=out", *TINY]
    assert run(evaluate, *words, "rule.presence=1.0", "html=false")[0] == 0
    assert not Path("out/report.html").exists()
    report = json.loads(Path("out/report.json").read_text())
    assert report["dice"]["value"] == pytest.approx(1 - report["prevalence"])


def test_frames_that_were_trained_on_get_masks_but_no_score(trained, necks, run):
    checkpoint, _ = trained
    words = [f"checkpoint={checkpoint}", f"input={necks}", "output=out", *TINY]
    status, _, err = run(infer, *words)
    assert status == 0, err
    assert len(list(Path("out/masks").glob("*.png"))) == 32
    report = json.loads(Path("out/report.json").read_text())
    assert 0 < report["frames"] < 32


def test_images_without_truth_get_masks_and_kaggles_table(trained, necks, run):
    checkpoint, _ = trained
    Path("test").mkdir()
    for k, image in enumerate(sorted(p for p in necks.glob("*.tif") if "mask" not in p.name)[:11]):
        Path(f"test/{k + 1}.tif").write_bytes(image.read_bytes())
    status, _, err = run(infer, f"checkpoint={checkpoint}", "input=test", "output=out", *TINY)
    assert status == 0, err
    lines = Path("out/submission.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["img", *map(str, range(1, 12))]
    assert not Path("out/report.json").exists()


@pytest.mark.slow
def test_explanations_lie_beside_the_overlays_if_wished(trained, necks, run):
    checkpoint, _ = trained
    words = [f"checkpoint={checkpoint}", f"input={necks / '1_1.tif'}", "output=out", *TINY]
    status, _, err = run(infer, *words, "explain=occlusion")
    assert (status, "none, gradcam or backprop" in err) == (2, True)
    assert not Path("out").exists()
    for explain, beside in (("none", False), ("gradcam", True)):
        status, _, err = run(infer, *words, f"explain={explain}", "overwrite=true")
        assert status == 0, err
        assert Path("out/overlays/1_1.png").is_file()
        assert Path("out/explanations/1_1.png").is_file() == beside


def test_a_broken_file_stops_the_batch_or_is_left_out_and_said(trained, necks, run):
    checkpoint, _ = trained
    Path("mixed").mkdir()
    good = necks / "1_1.tif"
    Path("mixed/good.tif").write_bytes(good.read_bytes())
    Path("mixed/torn.tif").write_bytes(good.read_bytes()[:5000])
    words = [f"checkpoint={checkpoint}", "input=mixed", *TINY]
    status, _, err = run(infer, *words, "output=stopped")
    assert (status, "torn.tif" in err, "on_error=skip" in err) == (2, True, True)
    assert not Path("stopped").exists()
    status, _, err = run(infer, *words, "output=skipped", "on_error=skip")
    assert status == 2
    assert "torn.tif" in err
    assert Path("skipped/masks/good.png").exists()


def test_make_phantom_writes_kaggles_layout_once(run):
    words = [
        "data.phantom.folder=p",
        "data.phantom.subjects=2",
        "data.phantom.frames_per_subject=2",
    ]
    assert run(make_phantom, *words)[0] == 0
    assert Path("p/train/1_1_mask.tif").exists()
    assert Path("p/train_masks.csv").exists()
    status, _, err = run(make_phantom, *words)
    assert status == 2
    assert err.strip().startswith("error: p is there already")


UNGATED = [*(word for word in TINY if not word.startswith("cls.")), "cls=none"]


@pytest.mark.slow
def test_a_run_without_a_gate_trains_predicts_and_is_scored_in_one_stage(necks, run):
    data = f"data.root={necks}"
    status, _, err = run(train_cls, data, *UNGATED)
    assert status == 0, err
    assert [line for line in err.splitlines() if line.strip()] == [
        "cls=none: every frame is taken to show the nerve; there is nothing to train"
    ]
    assert not Path("runs").exists()
    status, _, err = run(train_seg, data, *UNGATED, "seg.objective.frames=all")
    assert status == 0, err
    assert err.rstrip().endswith("next: python tools/infer.py checkpoint=runs/default")
    assert not Path("runs/default/cls").exists()
    assert run(infer, "checkpoint=runs/default", "output=a", "bootstraps=50")[0] == 0
    status, out, err = run(evaluate, "checkpoint=runs/default", "output=b", "bootstraps=50")
    assert status == 0, err
    reports = [json.loads(Path(f"{x}/report.json").read_text()) for x in "ab"]
    assert reports[0]["dice"] == reports[1]["dice"]
    for figure in ("sensitivity", "specificity"):
        assert 0 <= reports[1]["final"][figure]["value"] <= 1
        assert figure in out
    assert reports[1]["gate"]["sensitivity"]["value"] == 1
    assert reports[1]["gate"]["specificity"]["value"] == 0
    with Path("a/predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == reports[0]["frames"]
    assert {float(row["presence"]) for row in rows} == {1.0}
    assert "nan" not in Path("a/predictions.csv").read_text()


MISTAKES = {
    "a misspelt key": (train_cls, ["cls.epoch=3"], "cls.epochs"),
    "a misspelt key after an option": (
        train_cls,
        ["experiment=lite0", "cls.epoch=3"],
        "cls.epochs",
    ),
    "a word that is no override": (train_cls, ["epochs"], "KEY=VALUE"),
    "a misspelt key of a sweep": (train_cls, ["-m", "cls.epoch=1,2"], "cls.epochs"),
    "a fold that is no number": (train_cls, ["fold=abc"], "whole number"),
    "epochs that are no number": (train_cls, ["cls.epochs=ten"], "a number, such as"),
    "a word in place of true": (train_cls, ["overwrite=maybe"], "true or false is wanted"),
    "no batch": (train_seg, ["seg.batch_size=0"], "whole number"),
    "a misspelt key at the top": (train_cls, ["nme=x"], "name"),
    "an unknown option": (train_cls, ["cls=resnet99"], "efficientnet_b4"),
    "an unknown experiment": (train_cls, ["experiment=dmo"], "demo"),
    "an unknown backbone": (train_cls, ["cls.model.backbone=efficientnet_b44"], "efficientnet_b4"),
    "an unknown encoder": (train_seg, ["seg.model.encoder=resnet43"], "resnet34"),
    "an unknown architecture": (train_seg, ["seg.model.architecture=Unett"], "Unet"),
    "an unknown device": (train_cls, ["runtime.device=tpu"], "auto, cpu, cuda"),
    "a bad threshold": (train_seg, ["rule.presence=2"], "[0, 1]"),
    "too few shapes": (train_seg, ["rule.postprocess=[shape_prior]"], "21 training frames"),
    "a folder that isn't there": (train_cls, ["data.root=nowhere"], "nowhere"),
    "a folder without frames": (train_cls, ["data.root=."], "no frame"),
    "a checkpoint that isn't there": (infer, ["checkpoint=runs/none"], "train_cls.py"),
    "a fold out of range": (train_cls, ["fold=7"], "fold"),
    "an unknown split": (train_cls, ["data.split.by=hospital"], "hospital"),
    "an unknown metric": (train_cls, ["cls.metric=dice"], "auroc"),
    "a wrong word for init": (train_seg, ["seg.init=stage1"], "cls"),
    "a value that needs quotes": (train_cls, ["cls.metric=a(b"], "'cls.metric=\"a(b\"'"),
    "nothing to resume": (train_cls, ["resume=true"], "resume"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line_that_names_the_cure(mistake, necks, run):
    tool, words, cure = MISTAKES[mistake]
    base = (
        []
        if any(word.startswith(("data.root", "checkpoint")) for word in words)
        else [f"data.root={necks}"]
    )
    given = {word.split("=")[0] for word in words}
    tiny = [word for word in TINY if word.split("=")[0] not in given]
    option = [w for w in tiny if not (w.startswith("cls.") and "cls=resnet99" in words)]
    status, out, err = run(tool, *base, *option, *words)
    said = [line for line in err.splitlines() if line.startswith("error:")]
    assert status == 2, err
    assert len(said) == 1, err
    assert cure in said[0]
    assert "Traceback" not in err
    assert not list(Path("runs").glob("**/*.safetensors"))


def test_training_leaves_the_shape_prior_of_its_masks(frames, tmp_path):
    positives = [frame for frame in frames if is_present(frame)]
    config = OmegaConf.create({"rule": {"postprocess": ["shape_prior"]}, "resume": False})
    split = Split(train=[*frames, *positives, *positives], validation=[], test=[])
    begin_stage(tmp_path / "run/seg", config, prior=training_prior(config, split))
    (prior,) = load_priors([tmp_path / "run/seg"])
    masks = [read_mask(frame, (420, 580)) for frame in positives]
    wanted = np.mean([np.asarray(Image.fromarray(m).resize((88, 64), Image.BOX)) for m in masks], 0)
    assert np.abs(prior.mean - wanted).mean() < 0.01


def test_a_second_run_into_the_same_folder_is_refused(trained, necks, run):
    checkpoint, _ = trained
    status, _, err = run(train_cls, f"data.root={necks}", f"out={checkpoint.parent}", *TINY)
    assert status == 2
    assert "overwrite=true" in err


def test_a_mistake_leaves_the_run_before_as_it_was(trained, necks, run):
    checkpoint, _ = trained
    weights = (checkpoint / "cls/model.safetensors").read_bytes()
    words = [f"data.root={necks}", f"out={checkpoint.parent}", *TINY, "overwrite=true"]
    assert run(train_cls, *words, "cls.metric=accuracy")[0] == 2
    assert (checkpoint / "cls/model.safetensors").read_bytes() == weights


def test_a_resumed_run_keeps_its_configuration(trained, necks, run):
    checkpoint, _ = trained
    words = [f"data.root={necks}", f"out={checkpoint.parent}", *TINY, "resume=true"]
    status, _, err = run(train_cls, *words, "data.split.seed=9")
    assert status == 2
    assert "data isn't what" in err


@pytest.mark.slow
def test_the_seed_decides_the_weights(necks, run):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        words = [f"data.root={necks}", f"name={name}", f"seed={seed}", *TINY]
        assert run(train_cls, *words)[0] == 0
    first, again, other = (
        Path(f"runs/{name}/cls/model.safetensors").read_bytes() for name in "abc"
    )
    assert first == again != other


@pytest.mark.slow
def test_a_clip_is_predicted_scored_and_filmed(trained, necks, run, tmp_path):
    av = pytest.importorskip("av", reason="the extra nerveceg[video] isn't installed")
    (tmp_path / "P1").mkdir()
    with av.open(tmp_path / "P1" / "sweep.avi", "w") as container:
        stream = container.add_stream("ffv1", rate=10)
        stream.height, stream.width, stream.pix_fmt = 420, 580, "gray"
        for place, neck in enumerate(["1_1", "1_2", "2_1"]):
            picture = np.array(Image.open(necks / f"{neck}.tif"))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="gray")))
            mask = tmp_path / "P1" / f"sweep#{place:03d}_mask.tif"
            shutil.copy(necks / f"{neck}_mask.tif", mask)
        container.mux(stream.encode())
    words = [f"checkpoint={trained[0]}", "input=P1", "output=out", "bootstraps=50"]

    status, _, err = run(infer, *words, "temporal=exponential")
    assert status == 2
    assert "isn't calibrated" in err
    status, out, err = run(infer, *words)
    assert status == 0, err
    with Path("out/predictions.csv").open(newline="", encoding="utf-8") as file:
        assert [row["id"] for row in csv.DictReader(file)] == [f"sweep#{k:03d}" for k in range(3)]
    assert json.loads(Path("out/report.json").read_text())["frames"] == 3
    assert Path("out/movies/sweep.mp4").is_file()


TOOLS = sorted(
    path.stem for path in (ROOT / "tools").glob("*.py") if "main = command(" in path.read_text()
)


@pytest.mark.slow
@pytest.mark.parametrize("tool", TOOLS)
def test_help_comes_without_the_networks(tool):
    done = subprocess.run(
        [sys.executable, "-X", "importtime", ROOT / "tools" / f"{tool}.py", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"python tools/{tool}.py" in done.stdout
    assert "subject_pattern" in done.stdout
    assert " torch\n" not in done.stderr
