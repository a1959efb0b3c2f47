"""What the documentation says is so: files, names, commands."""

import importlib
import re
import shlex
import subprocess
import sys
from pathlib import Path

import hydra
import pytest

from nerveceg.data.phantom import write_phantom
from nerveceg.tools.quoting import quote_paths

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / name for name in ("README.md", "INSTALL.md", "QUICK_START.md")]
PAGES += ROOT.glob("docs/**/*.md")
MAPPED = ("nerveceg", "conf", "tools", "benchmarks", "docs")
TINY = [
    "data.geometry.size=[64,88]",
    "cls.model.backbone=test_efficientnet",
    "cls.model.weights=null",
    "cls.model.drop_path=0",
    "cls.epochs=1",
    "seg.model.encoder=tu-test_resnet",
    "seg.model.weights=null",
    "seg.epochs=1",
    "runtime.device=cpu",
    "bootstraps=20",
    "data.phantom.subjects=16",
    "data.phantom.frames_per_subject=2",
]
NETWORKS = {word.split("=")[0] for word in TINY if ".model." in word}


def commands(page):
    text = page.read_text(encoding="utf-8")
    for block in re.findall(r"```bash\n(.*?)```", text, flags=re.DOTALL):
        yield from (line.strip() for line in block.splitlines() if line.strip())


def tool_commands(page):
    plain = (line.removeprefix("PYTHONPATH=. ") for line in commands(page))
    return [shlex.split(line)[1:] for line in plain if line.startswith("python tools/")]


def mapped_in_readme():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    block = text.split("## Map")[1].split("```text\n")[1].split("```")[0]
    folders: list[str] = []
    for line in block.splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        name = line.split()[0]
        folders = folders[:depth]
        if name.endswith("/"):
            folders.append(name.rstrip("/"))
        elif folders and folders[0] in MAPPED:
            yield "/".join([*folders, name])


def test_the_map_in_the_readme_names_every_file_and_no_other():
    there = {
        path.relative_to(ROOT).as_posix()
        for folder in MAPPED
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and path.suffix not in (".pyc", ".typed") and path.name != "__init__.py"
    }
    assert set(mapped_in_readme()) == there


def test_each_line_of_the_map_has_a_comment():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    block = text.split("## Map")[1].split("```text\n")[1].split("```")[0]
    bare = [line for line in block.splitlines() if len(line.split()) < 2]
    assert not [line for line in bare if not line.strip().endswith("/")]


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_tool_command_names_a_tool_and_composes(page):
    for script, *words in tool_commands(page):
        assert (ROOT / script).is_file()
        swept = ("-", "fold=0,1", "ladder.only", "hydra/", "hydra.")
        overrides = [word for word in words if not word.startswith(swept)]
        with hydra.initialize_config_module("nerveceg.conf", version_base="1.3"):
            hydra.compose("config", overrides=quote_paths(overrides))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_make_command_is_a_target(page):
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    for line in commands(page):
        if line.startswith("make "):
            assert line.split()[1] in targets


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_to_a_file_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        assert target.startswith("http") or (page.parent / target).exists(), target


@pytest.mark.slow
def test_quick_start_runs_as_written(tmp_path, monkeypatch):
    """Every command of the page, in order, in one process, on tiny networks and made-up data."""
    _make_up_data(tmp_path)
    monkeypatch.chdir(tmp_path)
    for line in commands(ROOT / "QUICK_START.md"):
        _run(line, monkeypatch)
    assert (tmp_path / "submission/submission.csv").read_text().startswith("img,pixels\n1,")
    assert len(list((tmp_path / "predictions/masks").glob("*.png"))) == 3


def _run(line, monkeypatch):
    """A tool's command here, with tiny networks where it names none; any other by itself."""
    first, script, *words = shlex.split(line)
    if first != "python":
        subprocess.run([first, script, *words], check=True, capture_output=True)
        return
    given = {word.split("=")[0] for word in words}
    if "experiment=head_start" in words:
        given |= NETWORKS  # the starter weights are of these networks alone
    tiny = [word for word in TINY if word.split("=")[0] not in given]
    monkeypatch.setattr(sys, "argv", [script, *words, *tiny])
    importlib.import_module(f"nerveceg.tools.{Path(script).stem}").main()


def _make_up_data(folder):
    necks = folder / "necks"
    write_phantom(necks, subjects=20, frames_per_subject=2, progress=False)
    frames = sorted((necks / "train").glob("*.tif"))
    images = [path for path in frames if "mask" not in path.name]
    (folder / "data/uns").mkdir(parents=True)
    (necks / "train").rename(folder / "data/uns/train")
    for place in ("data/uns/test", "data/new", "data/mine"):
        (folder / place).mkdir()
    for k, image in enumerate(images[:3]):
        content = (folder / "data/uns/train" / image.name).read_bytes()
        (folder / f"data/uns/test/{k + 1}.tif").write_bytes(content)
        (folder / f"data/new/frame {k}.tif").write_bytes(content)
    for path in frames:
        content = (folder / "data/uns/train" / path.name).read_bytes()
        (folder / f"data/mine/P{path.name}").write_bytes(content)
