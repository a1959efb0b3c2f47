"""The pages of docs/how_do_i do what they say: every command, in one process, on tiny networks."""

import importlib
import json
import re
import shlex
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nerveceg.data.phantom import write_phantom

PAGES = Path(__file__).parents[1] / "docs/how_do_i"
ORDER = ("own_data", "own_model", "own_loss", "cross_validation", "ensembles", "deploy")
QUICK = ["runtime.device=cpu", "bootstraps=20"]
TINY = [
    *QUICK,
    "data.geometry.size=[64,88]",
    "cls.model.backbone=test_efficientnet",
    "cls.model.weights=null",
    "cls.model.drop_path=0",
    "cls.epochs=1",
    "seg.model.encoder=tu-test_resnet",
    "seg.model.weights=null",
    "seg.epochs=1",
]
NETWORKS = {word.split("=")[0] for word in TINY if ".model." in word}


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """A folder with the pages' data: a phantom made small, and their Python file."""
    folder = tmp_path_factory.mktemp("desk")
    write_phantom(folder / "necks", subjects=12, frames_per_subject=2, progress=False)
    for place in ("data/mine", "data/new"):
        (folder / place).mkdir(parents=True)
    for path in sorted((folder / "necks/train").glob("*.tif")):
        small = Image.fromarray(np.asarray(Image.open(path))[::4, ::4])
        small.save(folder / f"data/mine/P{path.name}")
        if path.stem in ("1_1", "2_1"):
            small.save(folder / f"data/new/frame é {path.name[0]}.tif")
    text = (PAGES / "own_loss.md").read_text(encoding="utf-8")
    (folder / "own_loss.py").write_text(text.split("```python\n")[1].split("```")[0])
    return folder


def commands_of(page):
    text = (PAGES / f"{page}.md").read_text(encoding="utf-8")
    for block in re.findall(r"```bash\n(.*?)```", text, flags=re.DOTALL):
        yield from (shlex.split(line) for line in block.splitlines())


def run(words):
    """One command, a tool's within this process."""
    with pytest.MonkeyPatch.context() as patch:
        if words[0] == "PYTHONPATH=.":
            patch.syspath_prepend(Path.cwd())
            words = words[1:]
        if words[1] == "-m":
            subprocess.run([sys.executable, *words[1:]], check=True, capture_output=True)
            return
        given = {word.split("=")[0] for word in words}
        if "experiment=head_start" in words:
            given |= NETWORKS  # the starter weights are of these networks alone
        more = TINY if "train" in words[1] else QUICK  # a word on data would name other data
        more = [word for word in more if word.split("=")[0] not in given]
        patch.setattr(sys, "argv", [*words[1:], *more])
        importlib.import_module(f"nerveceg.tools.{Path(words[1]).stem}").main()


@pytest.mark.slow
def test_every_page_runs_as_written(desk, monkeypatch, capsys):
    monkeypatch.chdir(desk)
    for page in ORDER:
        if page == "deploy" and find_spec("onnxruntime") is None:
            pytest.skip("the extra nerveceg[onnx] isn't installed")
        for words in commands_of(page):
            run(words)
            if "output=one" in words:
                assert "\nframe é 1: " in f"\n{capsys.readouterr().out}"
    assert Path("look/data.html").is_file()
    assert Path("runs/mine/predictions/report.html").is_file()
    network = json.loads(Path("runs/fpn/seg/config.json").read_text())["arguments"]
    assert (network["architecture"], network["encoder"]) == ("FPN", "resnet18")
    assert Path("runs/own_loss/seg/model.safetensors").is_file()
    assert json.loads(Path("runs/folds/report.json").read_text())["frames"] == 24
    assert json.loads(Path("runs/folds/pipeline.json").read_text())["temporal"]["kind"]
    for folder in ("by_folds", "by_views", "elsewhere"):
        assert len(list(Path(folder, "masks").glob("*.png"))) == 2


def test_no_page_is_left_out():
    there = {path.stem for path in PAGES.glob("*.md")}
    assert there == {*ORDER, "cluster"}
