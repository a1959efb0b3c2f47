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
def test_training_and_evaluation_import_neither_albumentations_nor_hydra():
    loaded = modules_after("from nerveceg import fit, evaluate, Pipeline, FrameDataset")
    assert not {"albumentations", "cv2", "hydra", "omegaconf", "gradio"} & loaded


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
