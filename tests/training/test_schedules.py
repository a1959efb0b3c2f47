import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nerveceg.training.schedules import cosine


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
