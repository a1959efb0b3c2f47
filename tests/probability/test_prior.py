import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nerveceg.errors import NerveCegError
from nerveceg.probability.prior import estimate_prevalence, shift

share = st.floats(0.05, 0.95)


def log_likelihood(prevalence, presence, trained, damping=0.0):
    """Of each prevalence, [G]; the damping frames are like a beta prior around `trained`."""
    nerve = presence / trained * prevalence[:, None]
    other = (1 - presence) / (1 - trained) * (1 - prevalence[:, None])
    prior = trained * np.log(prevalence) + (1 - trained) * np.log1p(-prevalence)
    return np.log(nerve + other).sum(axis=1) + damping * prior


def honest_frames(generator, frames, prevalence, trained, separation):
    """Presence as an honest gate of prevalence `trained` states it, where it is `prevalence`."""
    present = generator.random(frames) < prevalence
    score = separation * (present - 0.5) + generator.normal(size=frames)
    log_odds = separation * score + np.log(trained / (1 - trained))
    return 1 / (1 + np.exp(-log_odds)), present


@given(st.lists(st.floats(0, 1, width=32), min_size=1), share, share)
def test_a_shift_multiplies_the_odds_and_goes_back(presence, trained, target):
    before = torch.tensor(presence, dtype=torch.float64)
    after = shift(before, trained=trained, target=target)
    factor = (target / trained) / ((1 - target) / (1 - trained))
    torch.testing.assert_close(after * (1 - before), factor * before * (1 - after))
    torch.testing.assert_close(shift(after, trained=target, target=trained), before)


def test_presence_of_0_1_and_the_same_prevalence_stay():
    presence = torch.tensor([0.0, 0.2, 1.0])
    torch.testing.assert_close(shift(presence, trained=0.4, target=0.4), presence)
    assert shift(presence, trained=0.4, target=0.9)[[0, 2]].tolist() == [0, 1]


def test_shifted_presence_is_honest_at_the_new_prevalence():
    generator = np.random.default_rng(0)
    presence, present = honest_frames(generator, 200_000, 0.8, 0.4, 1.5)
    shifted = shift(torch.from_numpy(presence), trained=0.4, target=0.8).numpy()
    for part in np.array_split(np.argsort(shifted), 10):
        assert shifted[part].mean() == pytest.approx(present[part].mean(), abs=0.015)


@pytest.mark.parametrize("damping", [0.0, 25.0])
@pytest.mark.parametrize("trained", [0.3, 0.5])
@pytest.mark.parametrize("prevalence", [0.02, 0.25, 0.6, 1.0])
@pytest.mark.parametrize("separation", [0.7, 2.5])
def test_em_finds_the_peak_of_the_likelihood(damping, trained, prevalence, separation):
    generator = np.random.default_rng(1)
    presence, _ = honest_frames(generator, 120, prevalence, trained, separation)
    found = estimate_prevalence(presence, trained=trained, damping=damping)
    grid = np.arange(1 / 122, 1 - 1 / 122, 1e-4)
    best = grid[log_likelihood(grid, presence, trained, damping).argmax()]
    assert found == pytest.approx(best, abs=2e-4)


def test_the_estimate_comes_near_the_truth_of_many_frames():
    generator = np.random.default_rng(2)
    for prevalence in (0.1, 0.5, 0.9):
        presence, present = honest_frames(generator, 50_000, prevalence, 0.4, 2.0)
        found = estimate_prevalence(presence.astype(np.float32), trained=0.4)
        assert found == pytest.approx(present.mean(), abs=0.01)


def test_frames_that_say_nothing_leave_the_prevalence():
    assert estimate_prevalence(np.full(50, 0.3), trained=0.3) == pytest.approx(0.3, abs=1e-9)


def test_more_damping_stays_nearer_to_the_trained_prevalence():
    presence, _ = honest_frames(np.random.default_rng(3), 120, 0.9, 0.4, 1.5)
    found = [estimate_prevalence(presence, trained=0.4, damping=a) for a in (0, 20, 200, 1e6)]
    assert found == sorted(found, reverse=True)
    assert found[-1] == pytest.approx(0.4, abs=1e-3)


@pytest.mark.parametrize(("value", "wanted"), [(0.0, 1 / 12), (1.0, 11 / 12)])
def test_the_estimate_is_always_a_prevalence_to_shift_to(value, wanted):
    found = estimate_prevalence(np.full(10, value), trained=0.4)
    assert found == pytest.approx(wanted)
    shift(torch.tensor([0.5]), trained=0.4, target=found)


def test_impossible_prevalences_are_refused():
    with pytest.raises(NerveCegError, match=r"target prevalence is 1.0: a share in \(0, 1\)"):
        shift(torch.tensor([0.5]), trained=0.4, target=1.0)
    with pytest.raises(NerveCegError, match="trained prevalence is 0"):
        estimate_prevalence(np.array([0.5]), trained=0)
    with pytest.raises(NerveCegError, match="damping=-1: a number of frames from 0"):
        estimate_prevalence(np.array([0.5]), trained=0.4, damping=-1)
