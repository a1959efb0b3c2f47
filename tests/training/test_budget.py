import logging
import time
from functools import partial

import pytest
from timm.optim import create_optimizer_v2

from nerveceg.data.dataset import FrameDataset
from nerveceg.data.geometry import Geometry
from nerveceg.errors import NerveCegError
from nerveceg.runtime import Runtime
from nerveceg.training.budget import Budget
from nerveceg.training.checkpointing import States
from nerveceg.training.fit import fit
from nerveceg.training.objectives import PresenceObjective
from nerveceg.training.schedules import cosine


class Slow(PresenceObjective):
    """Takes some seconds a validation, and stops the process before the epoch that is told."""

    def __init__(self, pause=0.0, *, stop=None):
        super().__init__()
        self.pause, self.stop, self.done = pause, stop, 0

    def scores(self, judged):
        self.done += 1
        if self.done == self.stop:
            raise KeyboardInterrupt
        time.sleep(self.pause)
        return super().scores(judged)


@pytest.fixture
def train_gate(mixed_frames, make_classifier, tmp_path):
    frames = FrameDataset(mixed_frames, geometry=Geometry(size=(32, 32)), progress=False)

    def run(objective=None, **options):
        given = {
            "optimizer": partial(create_optimizer_v2, opt="adamw", lr=0.01),
            "schedule": cosine,
            "epochs": 3,
            "batch_size": 4,
            "metric": "auroc",
            "runtime": Runtime(device="cpu"),
            **options,
        }
        fit(
            make_classifier(0),
            objective or PresenceObjective(),
            train=frames,
            validation=frames,
            folder=tmp_path,
            **given,
        )
        return States(tmp_path / "state").load()

    return run


def test_epochs_that_fit_into_the_time_are_all_run(train_gate):
    state = train_gate(seconds=600)
    assert (state["epoch"], state["epochs"]) == (3, 3)


def test_time_for_many_epochs_less_than_wanted_bounds_the_schedule(train_gate, caplog):
    caplog.set_level(logging.INFO)
    begun = time.monotonic()
    state = train_gate(epochs=10**6, seconds=1.0)
    assert 1 <= state["epoch"] <= state["epochs"] < 10**4
    assert state["epoch"] == state["epochs"] or "the time is up" in caplog.text
    assert time.monotonic() - begun < 20
    assert f"{state['epochs']} of 1000000 epochs in 1 s" in caplog.text


def test_an_epoch_that_takes_longer_ends_with_the_time(train_gate):
    state = train_gate(seconds=1e-6, batch_size=2)
    assert (state["epoch"], state["epochs"], state["updates"]) == (1, 1, 1)


def test_no_epoch_begins_when_the_time_is_up(train_gate, caplog):
    caplog.set_level(logging.INFO)
    state = train_gate(Slow(pause=0.5), seconds=0.8)
    assert state["epoch"] < state["epochs"] == 3
    assert f"the time is up: stopped after epoch {state['epoch']} of 3" in caplog.text


def test_one_epoch_is_run_however_short_the_time(train_gate):
    state = train_gate(seconds=1e-9)
    assert (state["epoch"], state["epochs"]) == (1, 1)


def test_a_resumed_run_keeps_its_plan_and_what_it_has_spent(train_gate):
    with pytest.raises(KeyboardInterrupt):
        train_gate(Slow(stop=2), seconds=600)
    state = train_gate(seconds=600, resume=True, epochs=50)
    assert (state["epoch"], state["epochs"]) == (3, 3)
    assert state["spent"] > 0


def planned(seconds, each, *, epochs=20):
    budget = Budget(epochs, seconds=seconds)
    budget.plan(lambda: each)
    return budget


@pytest.mark.parametrize(
    ("seconds", "each", "epochs"), [(100, 9.5, 9), (100, 1, 20), (100, 1000, 1), (None, 9.5, 20)]
)
def test_as_many_epochs_are_planned_as_fit_in(seconds, each, epochs):
    assert planned(seconds, each).epochs == epochs


def test_time_that_was_spent_before_a_stop_counts():
    resumed = Budget(20, seconds=100)
    resumed.plan(lambda: 1 / 0, stopped={"epochs": 7, "spent": 99.0})
    assert resumed.epochs == 7
    assert resumed.goes_on(3, best=3)
    resumed = Budget(20, seconds=100)
    resumed.plan(lambda: 1 / 0, stopped={"epochs": 7, "spent": 101.0})
    assert not resumed.goes_on(3, best=3)
    assert resumed.goes_on(0, best=0), "the first epoch is always run"


def test_patience_ends_a_run_and_none_never_does():
    assert [Budget(9, patience=2).goes_on(done, best=3) for done in (3, 4, 5)] == [
        True,
        True,
        False,
    ]
    assert [Budget(9).goes_on(done, best=1) for done in (0, 8, 9)] == [True, True, False]


@pytest.mark.parametrize("seconds", [0, -5, float("nan")])
def test_a_time_that_is_none_is_refused_in_one_line(train_gate, tmp_path, seconds):
    with pytest.raises(NerveCegError) as caught:
        train_gate(seconds=seconds)
    assert f"seconds={seconds}: a number above 0 is wanted, or null" in str(caught.value)
    assert not (tmp_path / "state").exists()
