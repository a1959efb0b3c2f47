"""A folder that predicts what its pipeline does, in a process that has no torch."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from nerveceg.data.filters import Diffusion
from nerveceg.data.images import read_image, read_mask_file
from nerveceg.documents import LARGEST_JSON
from nerveceg.engines import OnnxRuntime
from nerveceg.errors import NerveCegError
from nerveceg.exported import ExportedPipeline
from nerveceg.exported.__main__ import main
from nerveceg.exported.contents import Contents, Graphs
from nerveceg.exported.writing import export_pipeline
from nerveceg.postprocess import ShapePrior
from nerveceg.tools import evaluate, export
from nerveceg.views import View

WITHOUT_TORCH = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {blocked}:
            raise ImportError(f"{{name}} is imported")

sys.meta_path.insert(0, Refuse())
from nerveceg.exported.__main__ import main
sys.exit(main(sys.argv[1:]))
"""
BLOCKED = (
    *("torch", "torchvision", "timm", "segmentation_models_pytorch", "safetensors", "onnx"),
    *("hydra", "omegaconf", "albumentations", "cv2", "sklearn", "pandas", "psutil", "tqdm"),
)


def predict_without_torch(*words):
    code = WITHOUT_TORCH.format(blocked=BLOCKED)
    command = [sys.executable, "-c", code, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def graphs(tmp_path_factory):
    """A folder with files that only look like graphs."""
    folder = tmp_path_factory.mktemp("graphs")
    for name in ("cls_64x96.onnx", "seg_64x96.onnx"):
        (folder / name).write_bytes(name.encode())
    return folder


@pytest.fixture
def written(graphs, tmp_path, geometry):
    """An exported folder that describes them."""
    folder = shutil.copytree(graphs, tmp_path / "exported")
    member = Graphs({"64x96": "cls_64x96.onnx"}, {"64x96": "seg_64x96.onnx"})
    Contents(geometry=geometry, members=(member,), views=(View(), View(gamma=0.8))).write(folder)
    return folder


def test_contents_come_back_as_they_were_written(written, geometry):
    contents = Contents.read(written)
    assert contents.geometry == geometry
    assert contents.views == (View(), View(gamma=0.8))
    assert contents.files == ["cls_64x96.onnx", "seg_64x96.onnx"]
    text = (written / "pipeline.json").read_text()
    assert "Research use only" in text
    assert str(written) not in text


def change(folder, **values):
    path = folder / "pipeline.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"schema": 7}, "has schema 7; this version reads 1: export again"),
        ({"kind": "other"}, r"describes no exported pipeline: python tools/export\.py"),
        ({"geometry": None}, "lacks or misplaces"),
        ({"shape_priors": ["../x"], "files": {"../x": "0"}}, "lacks or misplaces|lies outside"),
    ],
)
def test_a_description_of_another_kind_is_refused(written, values, said):
    change(written, **values)
    with pytest.raises(NerveCegError, match=said):
        Contents.read(written)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a": ' * 5_000, "[1]", "{", "\xff"])
def test_a_description_of_bad_json_is_refused_in_one_line(written, text):
    (written / "pipeline.json").write_text(text, encoding="latin-1")
    with pytest.raises(NerveCegError, match=r"pipeline\.json") as caught:
        Contents.read(written)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_a_description_of_great_size_is_refused_unread(written):
    os.truncate(written / "pipeline.json", LARGEST_JSON + 1)
    with pytest.raises(NerveCegError, match=r"pipeline\.json .* bytes"):
        Contents.read(written)


def test_a_changed_a_missing_and_an_outside_file_are_refused_by_name(written):
    (written / "cls_64x96.onnx").write_bytes(b"other")
    with pytest.raises(NerveCegError, match=r"cls_64x96\.onnx has sha256 .* changed or damaged"):
        ExportedPipeline(written)
    (written / "cls_64x96.onnx").unlink()
    with pytest.raises(NerveCegError, match=r"cls_64x96\.onnx is missing"):
        ExportedPipeline(written)
    outside = [{"cls": None, "seg": {"64x96": "../seg.onnx"}}]
    change(written, members=outside, files={"../seg.onnx": "0"})
    with pytest.raises(NerveCegError, match="lies outside it"):
        ExportedPipeline(written)


def test_a_folder_without_a_description_names_the_tool(tmp_path):
    with pytest.raises(NerveCegError, match=r"a folder that tools/export\.py wrote is wanted"):
        ExportedPipeline(tmp_path)


def test_a_precision_that_the_folder_does_not_hold_is_refused(written):
    with pytest.raises(NerveCegError, match=r"networks in float32, the engine is set to int8"):
        ExportedPipeline(written, engine=OnnxRuntime(precision="int8"))


def test_the_command_prints_a_mistake_in_one_line(tmp_path, capsys):
    assert main([str(tmp_path), "in", "out"]) == 2
    assert capsys.readouterr().err.startswith(f"error: {tmp_path}/pipeline.json is missing")


@pytest.mark.parametrize("number", ["0", "-1"])
def test_a_batch_without_frames_is_refused(number, tmp_path, capsys):
    assert main([str(tmp_path), "in", "out", f"--batch-size={number}"]) == 2
    assert capsys.readouterr().err == f"error: --batch-size {number}: it is 1 or more\n"


def test_a_folder_that_is_no_export_is_never_replaced(tmp_path, pipeline):
    with pytest.raises(NerveCegError, match="there already: output=OTHER, or overwrite=true"):
        export_pipeline(pipeline, tmp_path)
    with pytest.raises(NerveCegError, match="is no exported folder and isn't replaced"):
        export_pipeline(pipeline, tmp_path, overwrite=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["onnxruntime", "openvino"])
def test_another_process_without_torch_draws_the_same_masks(name, pipeline, frames, tmp_path):
    pytest.importorskip(name)
    export_pipeline(pipeline, tmp_path / "exported")
    folder = frames[0].image.parent
    words = ("--engine", name, "--threads", 1)
    done = predict_without_torch(tmp_path / "exported", folder, tmp_path / "out", *words)
    assert done.returncode == 0, done.stderr
    assert f"{len(frames)} frames" in done.stdout
    lines = (tmp_path / "out" / "predictions.csv").read_text().splitlines()
    said = {line.split(",")[0]: float(line.split(",")[1]) for line in lines[1:]}
    expected = pipeline.predict_batch([read_image(frame.image) for frame in frames])
    wrong = 0.0
    for frame, prediction in zip(frames, expected, strict=True):
        mask = read_mask_file(tmp_path / "out" / "masks" / f"{frame.id}.png")
        wrong += np.mean(mask != prediction.mask) / len(frames)
        assert said[frame.id] == pytest.approx(prediction.presence, abs=2e-4)
    assert any(prediction.mask.any() for prediction in expected)
    assert wrong <= 1e-5


@pytest.mark.slow
def test_filter_views_crop_and_shape_prior_are_exported_too(pipeline, frames, tmp_path):
    from nerveceg import Geometry, Pipeline

    rng = np.random.default_rng(0)
    components = np.linalg.qr(rng.standard_normal((64 * 88, 3)))[0].T.reshape(3, 64, 88)
    prior = ShapePrior(
        mean=np.full((64, 88), 0.6, np.float32), components=components.astype(np.float32)
    )
    rich = Pipeline(
        pipeline.ensemble.members,
        geometry=Geometry(size=(64, 96), crop=(400, 500), corner=(10, 30)),
        filter=Diffusion(),
        views=(View(), View(mirrored=True, scale=0.75, gamma=0.9)),
        calibration=pipeline.calibration,
        rule=pipeline.rule.from_dict(
            {**pipeline.rule.to_dict(), "postprocess": ("shape_prior", "fill_holes"), "area": 0}
        ),
        shape_priors=[prior],
    )
    contents = export_pipeline(rich, tmp_path / "exported")
    assert {"filter.onnx", "shape_prior_0.npz", "seg_48x72.onnx"} <= set(contents.files)
    other = ExportedPipeline(tmp_path / "exported", engine=OnnxRuntime(threads=1))
    images = [read_image(frame.image) for frame in frames[:6]]
    levels = other.network_input(images) * 255
    away = np.abs(levels - rich.network_input(images).numpy() * 255)
    # The runtime's exponentials and quotients may round a grey level to its neighbour.
    assert away.max() <= 1.001
    assert (away > 0.5).mean() < 1e-3
    pairs = zip(other.predict_batch(images), rich.predict_batch(images), strict=True)
    assert np.mean([np.mean(ours.mask != theirs.mask) for ours, theirs in pairs]) <= 1e-4


@pytest.mark.slow
def test_the_tools_export_a_run_and_int8_networks_too(pipeline, frames, run, tmp_path):
    pipeline.save_pretrained(tmp_path / "run")
    folder = frames[0].image.parent
    words = [f"checkpoint={tmp_path / 'run'}", "engine=onnxruntime", "engine.precision=int8"]
    status, _, said = run(export, *words, f"input={folder}", "output=small")
    assert status == 0, said
    other = ExportedPipeline(tmp_path / "small")
    assert other.engine.precision == "int8"
    sizes = [sum(f.stat().st_size for f in (tmp_path / "small").glob("*.onnx"))]
    assert run(export, words[0], "output=whole")[0] == 0
    sizes += [sum(f.stat().st_size for f in (tmp_path / "whole").glob("*.onnx"))]
    assert sizes[0] < sizes[1]
    network_input = other.network_input([read_image(frame.image) for frame in frames[:4]])
    expected = ExportedPipeline(tmp_path / "whole")._networks[0].segmenter(network_input)
    found = other._networks[0].segmenter(network_input)
    assert 0 < np.abs(found - expected).mean() / expected.std() < 0.3


@pytest.mark.slow
def test_evaluation_by_an_engine_scores_what_torch_scores(pipeline, frames, run, tmp_path):
    pytest.importorskip("onnxruntime")
    pipeline.save_pretrained(tmp_path / "run")
    shared = [
        f"checkpoint={tmp_path / 'run'}",
        f"input={frames[0].image.parent}",
        "html=false",
        "bootstraps=20",
    ]
    scores = []
    for engine in ("torch", "onnxruntime"):
        status, _, said = run(evaluate, *shared, f"engine={engine}", f"output={engine}")
        assert status == 0, said
        scores.append(json.loads((tmp_path / engine / "report.json").read_text())["dice"]["value"])
    assert scores[0] == pytest.approx(scores[1], abs=1e-4)
