"""Every fold of a run: from training to one report, and to an ensemble for new frames."""

import csv
import json
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nerveceg.calibration import Calibration
from nerveceg.data.filters import Diffusion
from nerveceg.data.phantom import write_phantom
from nerveceg.evaluation.out_of_fold import OutOfFold
from nerveceg.evaluation.tally import OUT_OF_FOLD, Tally
from nerveceg.pipeline import Pipeline
from nerveceg.tools import evaluate, infer, ladder, train_cls, train_seg, tune_temporal

FOLDS = ["data.split.folds=3", "--multirun", "fold=0,1,2"]
TINY = [
    "data.geometry.size=[64,88]",
    "cls.model.backbone=test_efficientnet",
    "cls.model.drop_path=0",
    "cls.epochs=1",
    "cls.batch_size=8",
    "seg.model.encoder=tu-test_resnet",
    "seg.epochs=1",
    "seg.batch_size=4",
]
QUICK = ["runtime.device=cpu", "bootstraps=20"]


def call(tool, *words) -> int:
    """The exit status of a tool."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["tool.py", *QUICK, *words])
        try:
            tool.main()
        except SystemExit as stop:
            return int(stop.code or 0)
    return 0


def write_necks(folder: Path, *, subjects: int, seed: int) -> Path:
    """Phantom frames of two sizes, every fourth pixel of them, so that they are read fast."""
    write_phantom(folder, subjects=subjects, frames_per_subject=2, seed=seed, progress=False)
    for path in (folder / "train").glob("*.tif"):
        pixels = np.asarray(Image.open(path))[::4, ::4]
        Image.fromarray(pixels[:, : 145 - int(path.name[0]) % 2]).save(path)
    return folder / "train"


@pytest.fixture(scope="module")
def necks(tmp_path_factory):
    return write_necks(tmp_path_factory.mktemp("necks") / "known", subjects=16, seed=0)


@pytest.fixture(scope="module")
def others(tmp_path_factory):
    return write_necks(tmp_path_factory.mktemp("others") / "new", subjects=5, seed=9)


@pytest.fixture(scope="module")
def trained(necks, tmp_path_factory):
    """The folder of a run whose three folds are trained; never write there."""
    out = tmp_path_factory.mktemp("trained") / "runs"
    for tool in (train_cls, train_seg):
        assert call(tool, f"data.root={necks}", f"out={out}", *TINY, *FOLDS) == 0
    return out / "default"


@pytest.fixture(scope="module")
def scored(trained, tmp_path_factory):
    """A copy of the run that evaluate.py has scored."""
    run = tmp_path_factory.mktemp("scored") / "run"
    shutil.copytree(trained, run)
    assert call(evaluate, f"checkpoint={run}") == 0
    return run


@pytest.fixture
def tool(tmp_path, monkeypatch, capsys):
    """Runs a tool in an empty folder; returns its exit status, output and error lines."""
    monkeypatch.chdir(tmp_path)

    def run(tool, *words):
        status = call(tool, *words)
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


@pytest.fixture
def copied(trained, tmp_path):
    """The trained run, to be damaged."""
    shutil.copytree(trained, tmp_path / "copy")
    return tmp_path / "copy"


def read_report(folder: Path):
    return json.loads((folder / "report.json").read_text())


def test_all_folds_end_in_one_report_over_every_frame(scored):
    report = read_report(scored)
    assert (report["frames"], report["subjects"]) == (32, 16)
    assert report["facts"]["split"] == "subject, out of 3 folds"
    assert report["facts"]["rule"]["presence"] is None
    with (scored / "frames.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len({row["id"] for row in rows}) == 32
    dice = [float(row["dice"]) for row in rows]
    assert report["dice"]["value"] == pytest.approx(np.mean(dice))
    expected = [float(row["expected"]) for row in rows]
    assert report["expectation"]["expected"] == pytest.approx(np.mean(expected), abs=1e-5)
    constant = [row for row in report["rows"] if row["name"] == "constant mask, oracle gate"]
    assert constant[0]["dice"]["value"] is not None


def test_out_of_fold_predictions_and_the_tally_lie_beside_the_report(scored):
    predictions = OutOfFold.load(scored / "oof.npz")
    tally = Tally.load(scored / "tally.npz")
    assert list(tally.ids) == list(predictions.ids)
    assert str(tally.origin) == OUT_OF_FOLD
    for fold in range(3):
        facts = json.loads((scored / f"fold_{fold}/seg/config.json").read_text())
        assert facts["split"]["fold"] == fold
        assert (predictions.fold == fold).any()
    assert json.loads(str(predictions.split))["folds"] == 3
    assert set(predictions.width) == {144, 145}


def test_the_ensemble_of_the_folds_is_the_runs_pipeline(scored, trained):
    pipeline = Pipeline.from_pretrained(scored)
    assert len(pipeline.ensemble.members) == 3
    assert pipeline.rule.mask is None
    assert pipeline.calibration.prevalence == pytest.approx(read_report(scored)["prevalence"])
    assert pipeline.constant_mask is not None
    single = [Pipeline.from_pretrained(trained / f"fold_{k}") for k in range(3)]
    assert pipeline.trained_on == single[0].trained_on.union(*(p.trained_on for p in single))


def test_the_run_is_found_by_its_name_and_says_so(trained, tool, tmp_path):
    shutil.copytree(trained, tmp_path / "runs" / "mine")
    status, out, err = tool(evaluate, "name=mine", "output=scores")
    assert status == 0, err
    report = read_report(Path("scores"))
    assert report["facts"]["run"] == "mine"
    assert report["facts"]["data"] == "train"
    assert "split by subject, out of 3 folds" in out
    assert (tmp_path / "runs/mine/pipeline.json").is_file()


@pytest.mark.slow
def test_new_frames_are_predicted_by_the_ensemble_and_scored(scored, others, tool):
    status, out, err = tool(infer, f"checkpoint={scored}", f"input={others}", "output=out")
    assert status == 0, err
    assert "Dice over 10 frames of 5 subjects" in out
    report = read_report(Path("out"))
    assert report["facts"]["split"] is None
    assert report["facts"]["rule"] == read_report(scored)["facts"]["rule"]
    assert len(list(Path("out/masks").glob("*.png"))) == 10
    status, _, err = tool(evaluate, f"checkpoint={scored}", f"input={others}", "output=again")
    assert status == 0, err
    assert read_report(Path("again"))["dice"] == report["dice"]
    assert str(Tally.load(Path("again/tally.npz")).origin) == "held out"


@pytest.mark.slow
def test_frames_that_any_fold_has_seen_get_masks_but_no_score(scored, necks, tool):
    status, _, err = tool(infer, f"checkpoint={scored}", f"input={necks}", "output=out")
    assert status == 0, err
    assert len(list(Path("out/masks").glob("*.png"))) == 32
    assert not Path("out/report.json").exists()
    status, _, err = tool(evaluate, f"checkpoint={scored}", f"input={necks}")
    assert one_line(status, err) == "error: none of 32 frames can be scored: known truth and " + (
        "subjects that neither stage was trained on are wanted"
    )


def one_line(status: int, err: str) -> str:
    """The one line of a mistake."""
    assert status == 2, err
    assert "Traceback" not in err
    (line,) = [line for line in err.splitlines() if line.startswith("error:")]
    return line


@pytest.mark.slow
def test_an_ensemble_holds_out_nothing_to_predict(scored, tool):
    status, _, err = tool(infer, f"checkpoint={scored}")
    assert "input=FOLDER" in one_line(status, err)
    assert not Path("data").exists()


SLOW = pytest.mark.slow
PLAIN = ["rule=plain"], {"presence": 0.56, "mask": 0.5}
NUMBER = ["rule.mask=0.4"], {"presence": None, "mask": 0.4}
MISSES = ["rule.miss_rate=0.1"], {"miss_rate": 0.1, "mask": None}
PREVALENCE = ["rule.prevalence=0.49"], {"prevalence": 0.49, "presence": None}
BOTH = ["rule=joint", "rule.prevalence=0.3"], {"prevalence": 0.3, "mask": None}


@pytest.mark.parametrize(
    ("words", "wanted"),
    [PLAIN, PREVALENCE, *(pytest.param(*one, marks=SLOW) for one in (MISSES, NUMBER, BOTH))],
)
def test_the_command_line_decides_the_rule(words, wanted, scored, others, tool):
    status, _, err = tool(infer, f"checkpoint={scored}", f"input={others}", "output=out", *words)
    assert status == 0, err
    rule = read_report(Path("out"))["facts"]["rule"]
    assert {key: rule[key] for key in wanted} == wanted


@pytest.mark.parametrize(
    ("words", "wanted"),
    [MISSES, *(pytest.param(*one, marks=SLOW) for one in (PLAIN, PREVALENCE))],
)
def test_folds_are_scored_by_the_rule_of_the_command_line(words, wanted, copied, tool):
    status, _, err = tool(evaluate, f"checkpoint={copied}", *words)
    assert status == 0, err
    rule = read_report(copied)["facts"]["rule"]
    assert {key: rule[key] for key in wanted} == wanted
    kept = Pipeline.from_pretrained(copied).rule.to_dict()
    assert kept == {**rule, "postprocess": tuple(rule["postprocess"])}


@pytest.mark.slow
def test_views_are_averaged_in_the_file_and_in_the_ensemble(copied, tool):
    status, _, err = tool(evaluate, f"checkpoint={copied}", "tta=scale", "calibration=gate")
    assert status == 0, err
    assert OutOfFold.load(copied / "oof.npz").logits.shape == (32, 3)
    pipeline = Pipeline.from_pretrained(copied)
    assert [view.scale for view in pipeline.ensemble.views] == [1.0, 0.9, 1.1]
    assert pipeline.calibration.fusion is None
    assert "fused" not in err


@pytest.mark.slow
def test_the_command_line_decides_the_views_of_a_run(trained, others, tool):
    words = [f"checkpoint={trained / 'fold_0'}", f"input={others}", "bootstraps=2"]
    spreads = {}
    for name in ("none", "scale"):
        assert tool(evaluate, *words, f"tta={name}", f"output={name}")[0] == 0
        with Path(name, "frames.csv").open() as file:
            spreads[name] = [float(row["spread"]) for row in csv.DictReader(file)]
    assert spreads["none"] == [0.0] * 10
    assert min(spreads["scale"]) > 0


@pytest.mark.parametrize(
    ("rate", "infeasible"),
    [pytest.param(0.01, True, marks=SLOW), pytest.param(0.6, False, marks=SLOW)],
)
def test_a_miss_rate_that_few_subjects_cannot_guarantee_is_called_infeasible(
    rate, infeasible, scored, copied, others, tool
):
    words = [f"input={others}", "output=out", f"rule.miss_rate={rate}"]
    status, _, err = tool(infer, f"checkpoint={scored}", *words)
    assert (status, err.count("infeasible")) == (0, int(infeasible)), err
    status, _, err = tool(evaluate, f"checkpoint={copied}", f"rule.miss_rate={rate}")
    assert (status, err.count("infeasible")) == (0, int(infeasible)), err
    passed = read_report(copied)["gate"]["specificity"]["value"]
    assert (passed == 0) == infeasible


@pytest.mark.slow
@pytest.mark.parametrize("words", [[], ["rule=joint"]], ids=["plain", "joint"])
def test_folds_without_a_gate_are_scored_uncalibrated(words, copied, tool):
    for fold in range(3):
        shutil.rmtree(copied / f"fold_{fold}" / "cls")
        path = copied / f"fold_{fold}" / "seg" / "config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "gate": False}))
    status, _, err = tool(evaluate, f"checkpoint={copied}", *words)
    assert status == 0, err
    assert "the run has no gate" in err
    report = read_report(copied)
    assert report["gate"]["sensitivity"]["value"] == 1
    assert report["facts"]["rule"]["mask"] == (None if words else 0.5)
    assert Pipeline.from_pretrained(copied).calibration == Calibration()
    status, _, err = tool(evaluate, f"checkpoint={copied}", "rule.prevalence=0.4")
    assert "rule.prevalence=0.4, but this pipeline isn't calibrated" in one_line(status, err)


@pytest.mark.slow
def test_each_folds_masks_teach_its_own_shapes_and_the_ensemble_takes_their_mean(tool, tmp_path):
    data = f"data.root={write_necks(tmp_path / 'many', subjects=90, seed=3)}"
    rule = ["rule=area", "rule.postprocess=[closing,ellipse,shape_prior]", "rule.area=0"]
    ungated = [*(word for word in TINY if not word.startswith("cls.")), "cls=none"]
    words = [data, *ungated, *rule, "data.split.folds=2", "--multirun", "fold=0,1"]
    status, _, err = tool(train_seg, *words)
    assert status == 0, err
    run = tmp_path / "runs/default"
    status, _, err = tool(evaluate, f"checkpoint={run}", *rule)
    assert status == 0, err
    assert read_report(run)["facts"]["rule"]["postprocess"][-1] == "shape_prior"
    first, second = Pipeline.from_pretrained(run).shape_priors
    assert not np.array_equal(first.mean, second.mean)
    for k, prior in enumerate((first, second)):
        (own,) = Pipeline.from_pretrained(run / f"fold_{k}").shape_priors
        assert np.array_equal(own.components, prior.components)
    status, _, err = tool(infer, f"checkpoint={run}", f"input={tmp_path / 'many'}", "output=out")
    assert status == 0, err


@pytest.mark.parametrize("task", [infer, evaluate], ids=["infer", "evaluate"])
def test_a_shape_prior_is_refused_by_a_run_that_learnt_none(task, trained, tool):
    words = [f"checkpoint={trained / 'fold_0'}", "output=out", "rule.postprocess=[shape_prior]"]
    status, _, err = tool(task, *words)
    assert "names 'shape_prior', but there is none" in one_line(status, err)
    assert not list(Path().glob("out/*"))


@pytest.mark.slow
def test_the_joint_ladder_climbs_from_a_single_stage_to_the_oracles(scored, copied, others, tool):
    for fold in range(3):
        path = copied / f"fold_{fold}" / "seg" / "config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "gate": False}))
    words = [f"checkpoint={scored}", f"against={copied}", f"input={others}"]
    status, out, err = tool(ladder, *words)
    assert status == 0, err
    assert "Out of fold: 32 frames of 16 subjects" in out
    assert "Other subjects: 10 frames of 5 subjects" in out
    rows = [line.split("|")[1].strip() for line in out.splitlines() if line.startswith("| ")]
    assert (rows[1], rows[-1]) == ("single stage", "+ folds")
    assert "oracle segmenter" in rows


@pytest.mark.slow
def test_a_filter_is_chosen_on_out_of_fold_clips_and_kept(scored, necks, tool, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(scored, run)
    status, _, err = tool(tune_temporal, f"checkpoint={run}", f"data.root={necks}")
    assert status == 2
    assert "data.clips=subject" in err

    words = [f"checkpoint={run}", f"data.root={necks}", "data.clips=subject"]
    status, out, err = tool(tune_temporal, *words)

    assert status == 0, err
    assert "32 of 32 frames in clips, 16 subjects" in out
    for line in ("none ", "exponential ", "hmm "):
        assert f"\n{line}" in out
    kept = json.loads((run / "pipeline.json").read_text())["temporal"]
    assert f"temporal={kept['kind']}" in err


def test_one_fold_alone_is_scored_on_its_own_held_out_frames(trained, tool):
    status, _, err = tool(evaluate, f"checkpoint={trained / 'fold_1'}", "output=out")
    assert status == 0, err
    report = read_report(Path("out"))
    assert report["facts"]["split"] == "subject, fold 1 of 3"
    assert report["frames"] < 16


@pytest.mark.parametrize("wish", ["rule.prevalence=0.49", "rule.miss_rate=0.1"])
@pytest.mark.parametrize("task", [infer, evaluate], ids=["infer", "evaluate"])
def test_what_needs_calibration_is_refused_by_a_run_that_has_none(wish, task, trained, tool):
    words = [f"checkpoint={trained / 'fold_0'}", "output=out", "rule=joint", wish]
    status, _, err = tool(task, *words)
    line = one_line(status, err)
    assert f"{wish}, but this pipeline isn't calibrated" in line
    assert not Path("out").exists()


def edit_facts(fold: Path, **split):
    for stage in ("cls", "seg"):
        path = fold / stage / "config.json"
        facts = json.loads(path.read_text())
        facts["split"] |= split
        path.write_text(json.dumps(facts))


def without_fold(run: Path) -> str:
    shutil.rmtree(run / "fold_1")
    return "fold 1 of 3 isn't trained: .* fold=1 --multirun"


def first_fold_alone(run: Path) -> str:
    shutil.rmtree(run / "fold_1")
    shutil.rmtree(run / "fold_2")
    return "fold 1 of 3 isn't trained: .* fold=1,2 --multirun"


def of_another_seed(run: Path) -> str:
    edit_facts(run / "fold_1", seed=5)
    return "fold_1 was trained with seed 5, the folds before it with 0"


def of_more_folds(run: Path) -> str:
    edit_facts(run / "fold_2", folds=5)
    return "fold_2 was trained with folds 5, the folds before it with 3"


def of_another_filter(run: Path) -> str:
    for stage in ("cls", "seg"):
        path = run / "fold_2" / stage / "config.json"
        facts = {**json.loads(path.read_text()), "filter": Diffusion().to_dict()}
        path.write_text(json.dumps(facts))
    return "fold_2 was trained with filter .*diffusion.*, the folds before it with None"


def under_another_number(run: Path) -> str:
    shutil.rmtree(run / "fold_2")
    shutil.copytree(run / "fold_1", run / "fold_2")
    return "fold_2 holds fold 1"


def without_segmenter(run: Path) -> str:
    shutil.rmtree(run / "fold_2" / "seg")
    return "train_seg.py"


def with_other_weights_missing(run: Path) -> str:
    (run / "fold_0/cls/model.safetensors").unlink()
    return "train_cls.py"


MISTAKES = [
    without_fold,
    first_fold_alone,
    of_another_seed,
    of_more_folds,
    of_another_filter,
    under_another_number,
    without_segmenter,
    with_other_weights_missing,
]


@pytest.mark.parametrize("damage", MISTAKES, ids=lambda one: one.__name__)
def test_folds_that_do_not_belong_together_are_refused_in_one_line(damage, copied, tool):
    wanted = damage(copied)
    status, _, err = tool(evaluate, f"checkpoint={copied}")
    assert re.search(wanted, one_line(status, err)), err
    assert not (copied / "oof.npz").exists()
    assert not (copied / "pipeline.json").exists()


def test_frames_that_were_trained_on_are_not_predicted_as_held_out(copied, necks, tool):
    words = [f"checkpoint={copied}", f"data.root={necks}", "data.split.folds=3"]
    status, _, err = tool(evaluate, *words, "data.split.seed=4")
    assert "was trained on by fold" in one_line(status, err)
    assert not (copied / "oof.npz").exists()


def test_a_fold_of_one_class_is_refused_before_training(necks, tool, tmp_path):
    shutil.copytree(necks, tmp_path / "empty")
    for path in (tmp_path / "empty").glob("*_mask.tif"):
        if not path.name.startswith(("1_", "2_")):
            Image.fromarray(np.zeros_like(np.asarray(Image.open(path)))).save(path)
    words = ["data.root=empty", *TINY, *FOLDS[:1], "fold=0"]
    for task in (train_cls, train_seg):
        status, _, err = tool(task, *words)
        assert "2 of 32 frames show the nerve: 3 folds want one each" in one_line(status, err)
    assert not Path("runs").exists()
