"""Ten ways to make a file run code or reach out of its place: each is refused in one line."""

import json
import os
import pickle
import shutil
import zipfile
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from nerveceg.documents import LARGEST_JSON
from nerveceg.errors import NerveCegError
from nerveceg.evaluation.out_of_fold import OutOfFold
from nerveceg.evaluation.tally import Tally
from nerveceg.files import sha256_of
from nerveceg.models.files import read_published, read_tensors
from nerveceg.models.saving import load_model
from nerveceg.outputs.html.report.run import read_run
from nerveceg.pipeline import Pipeline
from nerveceg.tools import composition, infer
from nerveceg.tools.recorded import recorded_data

GOLDEN = Path(__file__).parent / "golden" / "schema_2.zip"


class Evil:
    """A pickle of it runs a command as it is opened."""

    def __init__(self, canary):
        self.command = f"touch '{canary}'"

    def __reduce__(self):
        return os.system, (self.command,)


@pytest.fixture
def canary(tmp_path):
    """A file that is there after the test only if something was run that must not be."""
    path = tmp_path / "canary"
    yield path
    assert not path.exists()


@pytest.fixture
def checkpoint(tmp_path):
    """A trained run's folder, to be tampered with."""
    with zipfile.ZipFile(GOLDEN) as archive:
        archive.extractall(tmp_path / "golden")
    folder = tmp_path / "golden" / "run"
    config = {"data": {"root": str(tmp_path), "geometry": geometry()}, "fold": 0}
    (folder / "seg" / "config.yaml").write_text(yaml.safe_dump(config))
    return folder


def geometry(**changes):
    return {"_target_": "nerveceg.data.geometry.Geometry", "size": [64, 96], **changes}


def refused(call, *args, words="."):
    with pytest.raises(NerveCegError, match=words) as caught:
        call(*args)
    assert "\n" not in str(caught.value)


def change(path, **entries):
    path.write_text(json.dumps({**json.loads(path.read_text()), **entries}))


def pickled(path, canary):
    path.write_bytes(pickle.dumps(Evil(canary)))
    return path


def test_the_canary_would_appear(tmp_path):
    path = pickled(tmp_path / "evil.pkl", tmp_path / "proof")
    pickle.loads(path.read_bytes())  # noqa: S301 - that the tests below can fail
    assert (tmp_path / "proof").exists()


@pytest.mark.parametrize("suffix", ["pt", "pth", "pkl", "bin", "ckpt", "safetensors"])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_1_a_pickle_for_weights_is_refused_under_any_name(tmp_path, canary, suffix, packed):
    path = pickled(tmp_path / f"weights.{suffix}", canary)
    if packed:
        torch.save({"weight": Evil(canary)}, path)
    refused(read_tensors, path, words=f"weights.{suffix} is ")
    refused(lambda: read_published(path, sha256="0" * 64), words="not the published file")
    refused(lambda: read_published(path, sha256=sha256_of(path)), words="can't be read")


def test_1_a_pickle_in_the_place_of_a_runs_weights_is_refused(checkpoint, canary):
    path = pickled(checkpoint / "seg" / "model.safetensors", canary)
    refused(Pipeline.from_pretrained, checkpoint, words="sha256")
    described = json.loads((checkpoint / "pipeline.json").read_text())["weights"]
    described["."]["seg"] = sha256_of(path)
    change(checkpoint / "pipeline.json", weights=described)
    refused(Pipeline.from_pretrained, checkpoint, words="damaged or no weight file")


def evil_node(canary):
    return {"_target_": "pathlib.Path.touch", "self": str(canary)}


@pytest.mark.parametrize("name", ["filter", "geometry", "calibration", "rule", "constant_mask"])
def test_2_a_target_in_pipeline_json_is_never_built(checkpoint, canary, name):
    change(checkpoint / "pipeline.json", **{name: evil_node(canary)})
    refused(Pipeline.from_pretrained, checkpoint)


@pytest.mark.parametrize(
    "entries",
    [
        {"class": "pathlib.Path.touch"},
        {"class": "os.system", "arguments": {"command": "touch canary"}},
        {"arguments": {"_target_": "os.system"}},
        {"arguments": {"channels": {"_target_": "os.system"}}},
    ],
)
def test_2_a_target_in_config_json_is_never_built(checkpoint, canary, entries):
    change(checkpoint / "seg" / "config.json", **entries)
    refused(load_model, checkpoint / "seg", words="config.json")


@pytest.mark.parametrize(
    "changes",
    [
        {"geometry": {"_target_": "os.system", "command": "touch canary"}},
        {"geometry": geometry(size={"_target_": "os.system"})},
        {"filter": {"_target_": "nerveceg.data.filters.Diffusion", "_args_": [1]}},
        {"root": "${oc.env:HOME}"},
        {"split": [{"_partial_": True}]},
    ],
)
def test_2_a_target_in_config_yaml_is_refused_by_its_name(checkpoint, canary, changes):
    path = checkpoint / "seg" / "config.yaml"
    config = yaml.safe_load(path.read_text())
    config["data"].update(changes)
    path.write_text(yaml.safe_dump(config))
    refused(recorded_data, checkpoint / "seg", words="config.yaml (names code|asks for a value)")


def test_2_the_tools_refuse_such_a_run_in_one_line(checkpoint, canary, run):
    config = {"data": {"geometry": evil_node(canary)}, "fold": 0}
    (checkpoint / "seg" / "config.yaml").write_text(yaml.safe_dump(config))
    status, _, err = run(infer, f"checkpoint={checkpoint}", "runtime.device=cpu")
    assert status == 2
    assert err.count("\n") == 1
    assert "names code to run, data.geometry._target_=pathlib.Path.touch" in err


def test_2_what_a_run_may_have_built_is_all_that_the_configuration_builds():
    conf = Path(composition.__file__).parents[1] / "conf" / "data"
    targets = {
        line.split(":", 1)[1].strip()
        for path in conf.rglob("*.yaml")
        for line in path.read_text().splitlines()
        if line.strip().startswith("_target_:")
    }
    from nerveceg.tools.recorded import BUILT

    assert targets == set(BUILT)


@pytest.mark.parametrize("name", ["../canary", "/absolute", "../../../canary.npy"])
def test_3_an_archive_writes_nothing_outside_or_inside(tmp_path, canary, name):
    (tmp_path / "run").mkdir()
    name = str(canary) if name == "/absolute" else name
    with zipfile.ZipFile(tmp_path / "run" / "oof.npz", "w") as archive:
        archive.writestr(name, b"\x93NUMPY")
    before = sorted(tmp_path.rglob("*"))
    refused(OutOfFold.load, tmp_path / "run" / "oof.npz", words="oof.npz")
    refused(Tally.load, tmp_path / "run" / "oof.npz", words="oof.npz")
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("member", ["/", "..", "../other", "{}/other", "seg/../..", "x\x00y"])
def test_4_a_member_elsewhere_is_refused(checkpoint, member):
    shutil.copytree(checkpoint, checkpoint.parent / "other")
    (digests,) = json.loads((checkpoint / "pipeline.json").read_text())["weights"].values()
    change(checkpoint / "pipeline.json", weights={member.format(checkpoint.parent): digests})
    refused(Pipeline.from_pretrained, checkpoint, words="leads outside its folder|misplaces")


@pytest.mark.parametrize("link", ["seg", "seg/model.safetensors", "cls/config.json"])
def test_5_a_link_out_of_the_runs_folder_is_refused(checkpoint, tmp_path, link):
    (checkpoint / link).rename(tmp_path / "outside")
    (checkpoint / link).symlink_to(tmp_path / "outside")
    refused(Pipeline.from_pretrained, checkpoint, words="leads outside its folder")


def test_5_a_run_that_is_itself_reached_by_a_link_is_read(checkpoint, tmp_path):
    (tmp_path / "latest").symlink_to(checkpoint)
    assert Pipeline.from_pretrained(tmp_path / "latest")


@pytest.mark.parametrize("suffix", ["pt", "pth", "torchscript", "safetensors"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_6_torchscript_is_refused(tmp_path, suffix):
    path = tmp_path / f"weights.{suffix}"
    torch.jit.save(torch.jit.trace(torch.nn.Linear(1, 1), torch.ones(1, 1)), path)
    refused(read_tensors, path, words=f"weights.{suffix} is ")


class Tags(HTMLParser):
    """The tags of a page and the attributes that could run or fetch something."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.risky = set(), []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        for name, value in attrs:
            if name.startswith("on") or (
                name in ("src", "href", "action") and not (value or "").startswith(("data:", "#"))
            ):
                self.risky.append((name, value))


NAMES = ["<script>alert(1)<", "<img src=x onerror=alert(1)>", "\"'><b>", "{{7*7}}", "&lt;i&gt;"]


@pytest.mark.slow
def test_7_markup_in_a_file_name_stays_text_in_every_page(checkpoint, tmp_path, run):
    folder, draw = tmp_path / "set", np.random.default_rng(0)
    folder.mkdir()
    for place, name in enumerate(NAMES):
        mask = np.zeros((60, 80), np.uint8)
        mask[20:40, 20 : 40 * (place % 2) + 20] = 255
        picture = draw.integers(0, 256, (60, 80), dtype=np.uint8)
        Image.fromarray(picture).save(folder / f"{name}_{place}.png")
        Image.fromarray(mask).save(folder / f"{name}_{place}_mask.png")
    words = [f"checkpoint={checkpoint}", f"input={folder}", "data.subject_pattern='(.+)_'"]
    status, _, err = run(infer, *words, "output=out", "bootstraps=20", "runtime.device=cpu")
    assert status == 0, err
    page = Path("out/report.html").read_text(encoding="utf-8")
    read = Tags(page)
    assert not {"script", "b", "i"} & read.tags
    assert read.risky == []
    assert "&lt;script&gt;alert(1)&lt;" in page
    assert "49" not in [word for word in page.split() if "7*7" in word]
    assert {path.stem for path in Path("out/overlays").iterdir()} == {
        f"{name}_{place}" for place, name in enumerate(NAMES)
    }


@pytest.mark.parametrize("tag", ["!!python/object/apply:os.system", "!!python/object/new:Evil"])
def test_8_a_tag_in_config_yaml_makes_no_object(checkpoint, canary, tag):
    path = checkpoint / "seg" / "config.yaml"
    path.write_text(f"data: {tag} [\"touch '{canary}'\"]\nfold: 0\n")
    refused(recorded_data, checkpoint / "seg", words="config.yaml is no YAML file")
    assert read_run(checkpoint).configuration == ""


@pytest.mark.parametrize("file", ["pipeline.json", "seg/config.json"])
@pytest.mark.parametrize("kind", ["large", "deep"])
def test_9_an_oversized_or_deep_file_is_refused(checkpoint, file, kind):
    path = checkpoint / file
    if kind == "deep":
        path.write_text("[" * 100_000)
    else:
        with path.open("r+b") as opened:
            opened.truncate(LARGEST_JSON + 1)
    refused(Pipeline.from_pretrained, checkpoint, words=f"{file}.*(deeply|over 67,108,864 bytes)")


def test_10_objects_in_arrays_are_refused(tmp_path, canary):
    for name in ("oof", "tally"):
        np.savez(tmp_path / f"{name}.npz", ids=np.array([Evil(canary)], dtype=object))
    refused(OutOfFold.load, tmp_path / "oof.npz", words="oof.npz")
    refused(Tally.load, tmp_path / "tally.npz", words="tally.npz")
    content = BytesIO()
    np.save(content, np.array([Evil(canary)], dtype=object))
    (tmp_path / "oof.npz").write_bytes(content.getvalue())
    refused(OutOfFold.load, tmp_path / "oof.npz", words="oof.npz")
