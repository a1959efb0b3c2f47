import json

import numpy as np
import pytest
import torch

from nerveceg.data.dataset import Batch
from nerveceg.training.log import TrainingLog


@pytest.fixture
def batch():
    random = torch.Generator().manual_seed(0)
    image = torch.rand(10, 1, 16, 24, generator=random)
    one = torch.ones(10)
    return Batch(image, image > 0.5, present=one, place=torch.arange(10), target=one, weight=one)


def read_board(folder):
    accumulators = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    board = accumulators.EventAccumulator(str(folder / "tensorboard"))
    board.Reload()
    return board


def test_an_epoch_is_one_json_line_and_later_runs_go_on_below(tmp_path):
    for first in (1, 3):
        log = TrainingLog(tmp_path, tensorboard=False, done=first - 1)
        for epoch in (first, first + 1):
            log.epoch(epoch, {"loss": 1 / epoch, "dice": 0.5})
        log.close()
    lines = (tmp_path / "log.jsonl").read_text(encoding="utf-8").splitlines()
    told = [json.loads(line) for line in lines]
    assert told == [{"epoch": e, "loss": 1 / e, "dice": 0.5} for e in (1, 2, 3, 4)]


def test_without_tensorboard_nothing_but_the_lines_is_written(tmp_path, batch):
    log = TrainingLog(tmp_path, tensorboard=False)
    log.images(1, batch, torch.zeros(10, 1, 16, 24))
    log.weights(1, torch.nn.Linear(2, 2))
    log.epoch(1, {"loss": 1.0})
    log.close()
    assert [file.name for file in tmp_path.iterdir()] == ["log.jsonl"]


def test_tensorboard_gets_scalars_and_histograms(tmp_path):
    log = TrainingLog(tmp_path, tensorboard=True)
    for epoch in (1, 2):
        log.epoch(epoch, {"loss": 0.5 / epoch, "dice": 0.25 * epoch})
    log.weights(2, torch.nn.Linear(2, 2))
    log.close()
    board = read_board(tmp_path)
    assert [(e.step, e.value) for e in board.Scalars("loss")] == [(1, 0.5), (2, 0.25)]
    assert [(e.step, e.value) for e in board.Scalars("dice")] == [(1, 0.25), (2, 0.5)]
    assert set(board.Tags()["histograms"]) == {"weight", "bias"}


@pytest.mark.parametrize(("output", "width"), [((10, 1, 16, 24), 72), ((10,), 48)])
def test_tensorboard_shows_image_truth_and_where_there_is_one_the_map(
    tmp_path, batch, output, width
):
    log = TrainingLog(tmp_path, tensorboard=True)
    log.images(1, batch, torch.zeros(output))
    log.close()
    board = read_board(tmp_path)
    (name,) = board.Tags()["images"]
    (shown,) = board.Images(name)
    assert (shown.height, shown.width) == (16, 8 * width)


def test_a_half_precision_map_is_shown_too(tmp_path, batch):
    log = TrainingLog(tmp_path, tensorboard=True)
    log.images(1, batch, torch.zeros(10, 1, 16, 24, dtype=torch.bfloat16))
    log.close()
    assert len(read_board(tmp_path).Tags()["images"]) == 1


def test_numbers_of_torch_and_numpy_that_are_floats_are_written(tmp_path):
    log = TrainingLog(tmp_path, tensorboard=False)
    log.epoch(1, {"loss": float(np.float32(0.5))})
    assert json.loads((tmp_path / "log.jsonl").read_text()) == {"epoch": 1, "loss": 0.5}


def test_lines_of_epochs_that_are_trained_again_and_lines_cut_off_are_forgotten(tmp_path):
    log = TrainingLog(tmp_path, tensorboard=False)
    for epoch in (1, 2, 3):
        log.epoch(epoch, {"loss": 1 / epoch})
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"epoch": 4, "lo')
    TrainingLog(tmp_path, tensorboard=False, done=2).epoch(3, {"loss": 0.5})
    lines = (tmp_path / "log.jsonl").read_text(encoding="utf-8").splitlines()
    assert [(line["epoch"], line["loss"]) for line in map(json.loads, lines)] == [
        (1, 1.0),
        (2, 0.5),
        (3, 0.5),
    ]
