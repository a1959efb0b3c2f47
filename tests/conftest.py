"""Frames on disk and networks of some thousand weights, made once a session."""

import os
import sys

# Before anything imports them: tiny networks run fastest on one thread, and the suite runs as two
# processes; neither library may ask the network.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import pytest
import torch
from hypothesis import settings

from nerveceg.calibration import Calibration
from nerveceg.data.frames import Frame, find_frames
from nerveceg.data.geometry import Geometry
from nerveceg.data.images import read_image
from nerveceg.data.phantom import write_phantom
from nerveceg.data.presence import is_present
from nerveceg.decision import Rule
from nerveceg.models.classifier import Classifier
from nerveceg.models.member import Member
from nerveceg.models.segmenter import Segmenter
from nerveceg.pipeline import Pipeline
from nerveceg.probability.maps import Platt

settings.register_profile("project", deadline=None, max_examples=50, derandomize=True)
settings.load_profile("project")


@pytest.fixture(scope="session", autouse=True)
def _streams_stay_open() -> None:
    """OpenVINO brings absl, whose handler closes pytest's stream when Hydra sets up logging."""
    if find_spec("absl") is not None:
        from absl import logging

        logging.get_absl_handler().python_handler.stream = sys.__stderr__


@pytest.fixture(scope="session")
def frame_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten phantom subjects of three frames each, in Kaggle's layout; never write there."""
    folder = tmp_path_factory.mktemp("data") / "phantom"
    write_phantom(folder, subjects=10, frames_per_subject=3, progress=False)
    return folder / "train"


@pytest.fixture(scope="session")
def frames(frame_folder: Path) -> list[Frame]:
    """The thirty frames, with their truth, in natural order."""
    return find_frames(frame_folder)


@pytest.fixture(scope="session")
def mixed_frames(frames: list[Frame]) -> list[Frame]:
    """Four frames with the nerve and four without."""
    nerve = [frame for frame in frames if is_present(frame)]
    none = [frame for frame in frames if not is_present(frame)]
    assert min(len(nerve), len(none)) >= 4, "the phantom lacks a class"
    return nerve[:4] + none[:4]


@pytest.fixture(scope="session")
def geometry() -> Geometry:
    """A size at which the tiny networks are fast."""
    return Geometry(size=(64, 96))


@pytest.fixture(scope="session")
def make_classifier() -> Callable[[int], Classifier]:
    """A tiny classifier from a seed; with dropout, so that randomness counts."""

    def make(seed: int) -> Classifier:
        torch.manual_seed(seed)
        return Classifier("test_efficientnet", dropout=0.2, drop_path=0.1)

    return make


@pytest.fixture(scope="session")
def make_segmenter() -> Callable[[int], Segmenter]:
    """A tiny segmenter from a seed."""

    def make(seed: int) -> Segmenter:
        torch.manual_seed(seed)
        return Segmenter(
            "Unet", encoder="tu-test_efficientnet", decoder_channels=[32, 16, 16, 8, 8]
        )

    return make


@pytest.fixture(scope="session")
def make_pipeline(
    make_classifier: Callable[[int], Classifier],
    make_segmenter: Callable[[int], Segmenter],
    geometry: Geometry,
    frames: list[Frame],
) -> Callable[[], Pipeline]:
    """Untrained networks; half of the frames pass the gate, and a fifth of a frame is mask."""

    def make() -> Pipeline:
        made = Pipeline(
            [Member(make_classifier(0), make_segmenter(0))],
            geometry=geometry,
            rule=Rule(presence=0.0),
        )
        network_input = made.network_input([read_image(frame.image) for frame in frames])
        middle = made.ensemble.look(network_input).presence_logits.quantile(0.5).item()
        made.calibration = Calibration(presence=Platt(slope=500.0, intercept=-500.0 * middle))
        level = made.look(network_input).probability().flatten()[::7].quantile(0.8).item()
        made.rule = Rule(presence=0.5, mask=level, area=20)
        return made

    return make


@pytest.fixture
def pipeline(make_pipeline: Callable[[], Pipeline]) -> Pipeline:
    """The pipeline of `make_pipeline`, for one test alone."""
    return make_pipeline()


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[object, str, str]]:
    """Runs a tool in an empty folder; returns its exit status, output and error lines."""

    def call(tool: ModuleType, *words: str) -> tuple[object, str, str]:
        monkeypatch.setattr(sys, "argv", ["tool.py", *words])
        status: object = 0
        try:
            tool.main()
        except SystemExit as stop:
            status = stop.code
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    monkeypatch.chdir(tmp_path)
    return call
