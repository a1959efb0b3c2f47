"""What the code promises of itself: light imports, public names, no reach beyond its rooms."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import nerveceg

ROOT = Path(__file__).parents[1]


def modules_after(statement):
    code = f"import sys; {statement}; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_the_package_imports_no_network():
    assert not {"torch", "timm", "albumentations", "hydra"} & modules_after("import nerveceg")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("statement", "wanted"),
    [
        ("from nerveceg import fit, FrameDataset", {"accelerate"}),
        ("from nerveceg import evaluate, Pipeline", set()),
    ],
)
def test_training_and_evaluation_import_only_what_they_run_on(statement, wanted):
    heavy = {"albumentations", "cv2", "hydra", "omegaconf", "gradio", "sklearn", "pandas"}
    loaded = modules_after(statement)
    assert (heavy | {"accelerate", "monai"}) & loaded == wanted


FEW_PACKAGES = """
import sys
from pathlib import Path

for name in ("albumentations", "cv2", "hydra", "omegaconf"):
    sys.modules[name] = None  # whoever imports it gets an ImportError

import torch
from nerveceg import FrameDataset, Pipeline, evaluate, find_frames, fit, split_by_subject
from nerveceg.data.geometry import Geometry
from nerveceg.decision import Rule
from nerveceg.models.classifier import Classifier
from nerveceg.models.member import Member
from nerveceg.models.segmenter import Segmenter
from nerveceg.runtime import Runtime
from nerveceg.training.losses import BceDice
from nerveceg.training.objectives import MaskObjective, PresenceObjective
from nerveceg.training.schedules import constant

folder, run = Path(sys.argv[1]), Path(sys.argv[2])
train, held_out = split_by_subject(find_frames(folder), fold=0, folds=3)
geometry = Geometry(size=(64, 96))
sides = {
    "train": FrameDataset(train, geometry=geometry, augment=None, progress=False),
    "validation": FrameDataset(held_out, geometry=geometry, progress=False),
}
stages = {
    "cls": (Classifier("test_efficientnet"), PresenceObjective(), "auroc"),
    "seg": (
        Segmenter("Unet", encoder="tu-test_resnet", decoder_channels=[16, 8, 8, 8, 8]),
        MaskObjective(loss=BceDice()),
        "dice",
    ),
}
for name, (model, objective, metric) in stages.items():
    fit(
        model,
        objective,
        **sides,
        folder=run / name,
        optimizer=lambda model: torch.optim.AdamW(model.parameters()),
        schedule=constant,
        epochs=1,
        batch_size=4,
        metric=metric,
        runtime=Runtime(device="cpu"),
        facts={"geometry": geometry.to_dict()},
    )
member = Member(stages["cls"][0], stages["seg"][0])
pipeline = Pipeline([member], geometry=geometry, rule=Rule())
report, tally, _ = evaluate(pipeline, held_out, resamples=20, progress=False)
print(len(tally.ids), report.dice.value)
"""


@pytest.mark.slow
def test_training_and_evaluation_run_without_albumentations_opencv_and_hydra(
    frame_folder, tmp_path
):
    code = tmp_path / "few_packages.py"
    code.write_text(FEW_PACKAGES, encoding="utf-8")
    words = [sys.executable, code, frame_folder, tmp_path / "run"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    frames, score = done.stdout.split()[-2:]
    assert int(frames) >= 9
    assert 0 <= float(score) <= 1


@pytest.mark.parametrize("name", nerveceg.__all__)
def test_every_public_name_is_there_and_documented(name):
    assert getattr(nerveceg, name).__doc__


def test_an_unknown_name_is_refused():
    with pytest.raises(AttributeError, match="segmnter"):
        nerveceg.segmnter  # noqa: B018


def test_no_function_is_longer_than_the_house_allows():
    for path in [*ROOT.glob("nerveceg/**/*.py"), *ROOT.glob("tools/*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                words = (ast.get_docstring(node) or "").splitlines()
                assert node.end_lineno - node.lineno - len(words) <= 45, f"{path}: {node.name}"


def test_no_file_is_longer_than_the_house_allows():
    for path in [*ROOT.glob("nerveceg/**/*.py"), *ROOT.glob("tools/*.py")]:
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 250, path
