import json
import math
from functools import partial

import pytest
import torch
from safetensors.torch import load_file
from timm.optim import create_optimizer_v2

from nerveceg.data.augment import Gain, Speckle, compose
from nerveceg.data.dataset import FrameDataset
from nerveceg.data.geometry import Geometry
from nerveceg.errors import NerveCegError
from nerveceg.models.saving import load_config, load_model
from nerveceg.runtime import Runtime
from nerveceg.training.checkpointing import States
from nerveceg.training.fit import fit
from nerveceg.training.losses import BceDice
from nerveceg.training.objectives import MaskObjective, PresenceObjective
from nerveceg.training.progress import DivergedError
from nerveceg.training.schedules import cosine
from nerveceg.training.state import load_state

SMALL = Geometry(size=(32, 64))


def dataset(frames, *, geometry=SMALL, augment=None):
    return FrameDataset(frames, geometry=geometry, augment=augment, seed=1, progress=False)


@pytest.fixture(scope="module")
def train(mixed_frames):
    from albumentations import Affine

    augment = compose([Affine(rotate=(-5, 5), p=0.8), Gain(p=0.7), Speckle(p=0.5)])
    return dataset(mixed_frames, augment=augment)


@pytest.fixture(scope="module")
def validation(frames, mixed_frames):
    return dataset([frame for frame in frames if frame not in mixed_frames])


@pytest.fixture
def train_stage(train, validation, make_classifier, make_segmenter, tmp_path):
    """Trains a tiny stage for four epochs of four updates; what a test gives comes on top."""

    def run(name, objective=None, *, start=0, **options):
        objective = objective or PresenceObjective()
        gate = isinstance(objective, PresenceObjective)
        lr = options.pop("lr", 0.01)
        given = {
            "train": train,
            "validation": validation,
            "optimizer": partial(create_optimizer_v2, opt="adamw", lr=lr, weight_decay=0.02),
            "schedule": partial(cosine, warm_up=0.1),
            "epochs": 4,
            "batch_size": 2,
            "metric": "auroc" if gate else "dice",
            "runtime": Runtime(device="cpu"),
            **options,
        }
        model = (make_classifier if gate else make_segmenter)(start)
        return fit(model, objective, folder=tmp_path / name, **given)

    return run


class Told(PresenceObjective):
    """Scores an epoch as it is told; a negative score stops the process as Ctrl-C does."""

    def __init__(self, *told):
        super().__init__()
        self.told = list(told)

    def scores(self, judged):
        score = self.told.pop(0)
        if score < 0:
            raise KeyboardInterrupt
        return {**super().scores(judged), "auroc": score}


def tensors(value):
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from tensors(part)


def state_of(folder):
    return States(folder / "state").load()


def assert_same_run(first, second):
    """Networks, average and optimiser ended equal to the bit, and so did the best epoch."""
    for part in ("model", "ema", "optimizer"):
        pairs = zip(*(list(tensors(state_of(f)[part])) for f in (first, second)), strict=True)
        assert all(torch.equal(one, other) for one, other in pairs), part
    assert state_of(first)["best"] == state_of(second)["best"]
    best, other = (load_file(folder / "model.safetensors") for folder in (first, second))
    assert all(torch.equal(best[name], other[name]) for name in best)


def log_of(folder):
    lines = (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def refused(call, *args, **options):
    with pytest.raises(NerveCegError) as caught:
        call(*args, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


STAGES = pytest.mark.parametrize(
    "objective",
    [PresenceObjective(), MaskObjective(loss=BceDice(), negatives=0.5)],
    ids=["cls", "seg"],
)


@STAGES
def test_the_same_seed_trains_the_same_weights_with_and_without_workers(
    train_stage, tmp_path, objective
):
    train_stage("one", objective, epochs=2)
    train_stage("two", objective, epochs=2)
    train_stage("workers", objective, epochs=2, runtime=Runtime(device="cpu", workers=2))
    assert_same_run(tmp_path / "one", tmp_path / "two")
    assert_same_run(tmp_path / "one", tmp_path / "workers")


def test_another_seed_trains_other_weights(train_stage, tmp_path):
    train_stage("one", epochs=1)
    train_stage("two", epochs=1, seed=1)
    first, second = (list(tensors(state_of(tmp_path / name)["model"])) for name in ("one", "two"))
    assert not all(map(torch.equal, first, second))


def test_a_run_stopped_in_its_third_epoch_goes_on_as_if_undisturbed(train_stage, tmp_path):
    told = [0.2, 0.4, 0.3, 0.5]
    train_stage("whole", Told(*told))
    with pytest.raises(KeyboardInterrupt):
        train_stage("stopped", Told(*told[:2], -1))
    assert state_of(tmp_path / "stopped")["epoch"] == 2
    best = train_stage("stopped", Told(*told[2:]), start=99, resume=True)
    assert best == (0.5, 4)
    assert_same_run(tmp_path / "whole", tmp_path / "stopped")
    assert log_of(tmp_path / "whole") == log_of(tmp_path / "stopped")


@pytest.mark.slow
def test_a_segmenter_with_negatives_and_accumulation_goes_on_too(train_stage, tmp_path):
    class Stopping(MaskObjective):
        left = 2

        def scores(self, judged):
            self.left -= 1
            if not self.left:
                raise KeyboardInterrupt
            return super().scores(judged)

    options = {"accumulate": 2, "epochs": 3}
    both = {"loss": BceDice(), "negatives": 0.5, "hardness": torch.arange(8.0)}
    train_stage("whole", MaskObjective(**both), **options)
    with pytest.raises(KeyboardInterrupt):
        train_stage("stopped", Stopping(**both), **options)
    train_stage("stopped", MaskObjective(**both), start=99, resume=True, **options)
    assert_same_run(tmp_path / "whole", tmp_path / "stopped")


def test_a_finished_run_that_is_resumed_stays_as_it_is(train_stage, tmp_path):
    first = train_stage("run", epochs=2)
    before = (tmp_path / "run" / "model.safetensors").read_bytes()
    assert train_stage("run", start=99, epochs=2, resume=True) == first
    assert (tmp_path / "run" / "model.safetensors").read_bytes() == before


def test_the_best_epochs_averaged_weights_are_kept(train_stage, tmp_path):
    best = train_stage("run", Told(0.1, 0.9, 0.5, 0.9))
    assert best == (0.9, 2)
    with pytest.raises(KeyboardInterrupt):
        train_stage("to_2", Told(0.1, 0.9, -1))
    saved = load_model(tmp_path / "run").state_dict()
    averaged = state_of(tmp_path / "to_2")["ema"]
    assert all(torch.equal(saved[name], averaged[name]) for name in saved)
    last = state_of(tmp_path / "run")["ema"]
    assert not all(torch.equal(saved[name], last[name]) for name in saved)


def test_config_json_tells_how_the_weights_were_chosen(train_stage, tmp_path):
    train_stage("run", Told(0.1, 0.9), epochs=2, facts={"name": "demo", "geometry": {"crop": None}})
    config = load_config(tmp_path / "run")
    told = {name: config[name] for name in ("name", "geometry", "metric", "score", "epoch")}
    assert told == {
        "name": "demo",
        "geometry": {"crop": None},
        "metric": "auroc",
        "score": 0.9,
        "epoch": 2,
    }


def test_every_epoch_is_a_line_of_the_log(train_stage, tmp_path):
    train_stage("run", Told(0.1, 0.2, 0.3, 0.4))
    lines = log_of(tmp_path / "run")
    assert [line["epoch"] for line in lines] == [1, 2, 3, 4]
    assert [line["auroc"] for line in lines] == [0.1, 0.2, 0.3, 0.4]
    assert all(math.isfinite(line["loss"]) for line in lines)
    assert lines[-1]["rate"] < lines[0]["rate"] <= 0.01


def test_patience_ends_a_run_that_gets_no_better(train_stage, tmp_path):
    best = train_stage("run", Told(0.5, 0.6, 0.6, 0.1, 0.9), epochs=5, patience=2)
    assert best == (0.6, 2)
    assert len(log_of(tmp_path / "run")) == 4


def test_what_is_learnt_does_not_depend_on_the_validation_frames(
    train_stage, frames, mixed_frames, tmp_path
):
    train_stage("all", epochs=2)
    fewer = [frame for frame in frames if frame not in mixed_frames][::2]
    train_stage("fewer", epochs=2, validation=dataset(fewer))
    first, second = (state_of(tmp_path / name) for name in ("all", "fewer"))
    for part in ("model", "ema", "optimizer"):
        assert all(map(torch.equal, tensors(first[part]), tensors(second[part]))), part


def test_batches_can_be_gathered_to_one_update(train_stage, tmp_path):
    train_stage("run", epochs=1, accumulate=3)
    assert state_of(tmp_path / "run")["updates"] == 2


def test_every_epoch_shows_another_order_and_another_augmentation(train_stage, tmp_path):
    class Watching(PresenceObjective):
        def __init__(self):
            super().__init__()
            self.seen = []

        def loss(self, output, batch):
            self.seen.append((batch.place.tolist(), batch.image.sum((1, 2, 3)).tolist()))
            return super().loss(output, batch)

    watching = Watching()
    train_stage("run", watching, batch_size=8)
    assert all(sorted(places) == list(range(8)) for places, _ in watching.seen)
    assert len({tuple(places) for places, _ in watching.seen}) == 4
    one_frame = {sums[places.index(0)] for places, sums in watching.seen}
    assert len(one_frame) == 4


def test_tensorboard_gets_its_file(train_stage, tmp_path):
    pytest.importorskip("tensorboard")
    train_stage("run", epochs=1, runtime=Runtime(device="cpu", tensorboard=True))
    (events,) = (tmp_path / "run" / "tensorboard").iterdir()
    assert events.stat().st_size > 1000


def test_an_unknown_metric_is_named_with_those_that_exist(train_stage):
    message = refused(train_stage, "run", metric="accuracy")
    assert "metric=accuracy" in message
    assert "auroc, log_likelihood" in message


def test_a_run_that_was_never_begun_cannot_be_resumed(train_stage, tmp_path):
    message = refused(train_stage, "run", resume=True)
    assert str(tmp_path / "run") in message


def test_validation_frames_without_nerve_cannot_score_a_segmenter(train_stage, mixed_frames):
    message = refused(
        train_stage,
        "run",
        MaskObjective(loss=BceDice()),
        validation=dataset(mixed_frames[4:]),
    )
    assert "none of 4 validation frames" in message


def test_a_loss_that_is_not_a_number_ends_in_one_line(train_stage):
    broken = MaskObjective(loss=lambda logit, mask: (logit * math.nan).mean())
    message = refused(train_stage, "run", broken)
    assert "none of 2 updates had finite numbers in epoch 1" in message
    assert "optimizer.lr" in message


@pytest.mark.parametrize("batch_size", [2, 8])
@STAGES
def test_weights_that_leave_the_numbers_end_in_one_line(
    train_stage, tmp_path, objective, batch_size
):
    message = refused(
        train_stage,
        "run",
        objective,
        lr=1e25,
        schedule=partial(cosine, warm_up=0),
        batch_size=batch_size,
    )
    assert "optimizer.lr" in message
    assert not (tmp_path / "run" / "model.safetensors").exists()


def test_a_gate_learns_eight_frames_by_heart(train_stage, mixed_frames, geometry):
    same = dataset(mixed_frames, geometry=geometry)
    best = train_stage(
        "run",
        PresenceObjective(label_smoothing=0),
        train=same,
        validation=same,
        epochs=30,
        batch_size=8,
        metric="log_likelihood",
        ema=0.5,
    )
    assert best.score > -0.1


@pytest.mark.slow
def test_a_segmenter_learns_eight_frames_by_heart(train_stage, mixed_frames, geometry):
    same = dataset(mixed_frames, geometry=geometry)
    best = train_stage(
        "run",
        MaskObjective(loss=BceDice()),
        train=same,
        validation=same,
        epochs=40,
        batch_size=4,
        ema=0.5,
    )
    assert best.score > 0.85


class Breaking(PresenceObjective):
    """Its loss leaves the numbers in some batches of the run; so may the gradient alone."""

    def __init__(self, *batches, factor=math.nan, gradient_alone=False):
        super().__init__()
        self.batches, self.factor, self.alone, self.seen = batches, factor, gradient_alone, 0

    def loss(self, output, batch):
        self.seen += 1
        if self.seen not in self.batches:
            return super().loss(output, batch)
        broken = (output * self.factor).sum()
        return torch.where(broken.isnan(), 0.0 * output.sum(), broken) if self.alone else broken


@pytest.mark.parametrize(
    "broken",
    [
        {},
        pytest.param({"factor": math.inf}, marks=pytest.mark.slow),
        pytest.param({"gradient_alone": True}, marks=pytest.mark.slow),
    ],
    ids=["nan", "inf", "gradient"],
)
def test_an_update_out_of_the_numbers_is_left_out_and_changes_nothing(
    train_stage, tmp_path, broken
):
    saved = {"runtime": Runtime(device="cpu", save_every=1), "epochs": 1, "batch_size": 2}
    train_stage("run", Breaking(3, 4, **broken), **saved)
    after, between = States(tmp_path / "run" / "state").paths()
    state = load_state(after)
    assert (state["updates"], log_of(tmp_path / "run")[0]["skipped"]) == (2, 2)
    for part in ("model", "ema", "optimizer"):
        assert all(map(torch.equal, tensors(state[part]), tensors(load_state(between)[part])))
    assert all(tensor.isfinite().all() for tensor in tensors(state["model"]))
    assert math.isfinite(log_of(tmp_path / "run")[0]["loss"])


@pytest.mark.slow
def test_six_updates_in_a_row_out_of_the_numbers_end_the_run(train_stage):
    five = [3, 4, 5, 6, 7]
    train_stage("five", Breaking(*five), epochs=3)
    with pytest.raises(DivergedError, match="6 updates in a row weren't taken, the loss is nan"):
        train_stage("six", Breaking(2, *five), epochs=3)


def test_a_run_on_other_frames_is_not_resumed(train_stage, mixed_frames):
    train_stage("run", epochs=1)
    message = refused(train_stage, "run", epochs=1, resume=True, train=dataset(mixed_frames[1:]))
    assert "aren't those that the run began with" in message
