import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nerveceg.training.schedules import constant, cosine, plateau
from nerveceg.training.state import load_state, save_state


def rates(*, updates, base=0.1, **options):
    """The rate of each update, and the one after the last."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=base)
    schedule = cosine(optimizer, updates=updates, **options)
    seen = []
    for done in range(1, updates + 1):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step_update(done)
    return [*seen, optimizer.param_groups[0]["lr"]]


@given(st.integers(1, 200), st.floats(0, 0.5), st.floats(0, 0.5))
def test_the_rate_is_the_line_and_the_cosine_of_the_paper(updates, warm_up, final):
    warm = round(warm_up * updates)
    expected = [
        0.1 * (1 + done) / (1 + warm)
        if done < warm
        else 0.1 * (final + (1 - final) * (1 + math.cos(math.pi * done / updates)) / 2)
        for done in range(updates + 1)
    ]
    seen = rates(updates=updates, warm_up=warm_up, final=final)
    assert seen == pytest.approx(expected, abs=1e-9)


def test_every_group_of_parameters_follows():
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": lr} for lr in (0.1, 0.2)]
    optimizer = torch.optim.SGD(groups, lr=0.1)
    schedule = cosine(optimizer, updates=10, warm_up=0)
    schedule.step_update(5)
    assert [g["lr"] for g in optimizer.param_groups] == pytest.approx([0.05, 0.1])


def test_a_run_of_no_updates_has_a_schedule():
    assert rates(updates=0) == [0.1]


def test_a_constant_rate_is_that_of_each_group_throughout():
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": lr} for lr in (0.1, 0.2)]
    optimizer = torch.optim.SGD(groups, lr=0.1)
    schedule = constant(optimizer, updates=4)
    for done in range(1, 6):
        schedule.step_update(done)
        schedule.step(done, 0.5)
        assert [group["lr"] for group in optimizer.param_groups] == [0.1, 0.2]


def begin_plateau():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    return optimizer, plateau(optimizer, updates=100, factor=0.2, patience=2, final=0.01)


def show(optimizer, schedule, scores, *, first=1):
    """The rate after each epoch."""
    seen = []
    for epoch, score in enumerate(scores, start=first):
        optimizer.step()
        schedule.step_update(10 * epoch)
        schedule.step(epoch, score)
        seen.append(optimizer.param_groups[0]["lr"])
    return seen


def test_the_rate_falls_after_patience_and_never_below_the_last():
    # The first epoch is a best; then the rate falls at every third epoch without a better one.
    rising = show(*begin_plateau(), [0.1, 0.2, 0.3, 0.4, 0.5])
    assert rising == [0.1] * 5
    flat = show(*begin_plateau(), [0.5] * 10)
    assert flat == pytest.approx([0.1] * 3 + [0.02] * 3 + [0.004] * 3 + [0.001])


@pytest.mark.parametrize("stopped", range(1, 10))
def test_a_resumed_plateau_goes_on_as_the_undisturbed_one(stopped, tmp_path):
    scores = [0.5, 0.6, 0.4, 0.6, 0.3, 0.2, 0.61, 0.1, 0.1, 0.1, 0.1]
    undisturbed = show(*begin_plateau(), scores)
    optimizer, schedule = begin_plateau()
    before = show(optimizer, schedule, scores[:stopped])
    state = {"optimizer": optimizer.state_dict(), "schedule": schedule.state_dict()}
    save_state(tmp_path / "last.safetensors", {**state, "weight": torch.zeros(1)})
    state = load_state(tmp_path / "last.safetensors")
    optimizer, schedule = begin_plateau()
    optimizer.load_state_dict(state["optimizer"])
    schedule.load_state_dict(state["schedule"])
    after = show(optimizer, schedule, scores[stopped:], first=stopped + 1)
    assert before + after == undisturbed
    assert len(set(undisturbed)) > 2
