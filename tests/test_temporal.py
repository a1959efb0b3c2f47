from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray

from nerveceg.errors import NerveCegError
from nerveceg.temporal import (
    CANDIDATES,
    Exponential,
    FrameByFrame,
    HiddenMarkov,
    describe_smoother,
    smoother_of,
)

Float = NDArray[np.float64]


def over_all_paths(presence: Float, *, rate: float, prevalence: float) -> Float:
    """Posterior presence by adding up every path of states."""
    prior = (1 - prevalence, prevalence)
    total, there = 0.0, np.zeros(len(presence))
    for path in product((0, 1), repeat=len(presence)):
        weight = prior[path[0]]
        for before, after in zip(path[:-1], path[1:], strict=True):
            weight *= (1 - 2 * rate) * (before == after) + 2 * rate * prior[after]
        for state, value in zip(path, presence, strict=True):
            weight *= (value if state else 1 - value) / prior[state]
        total += weight
        there += weight * np.array(path)
    return there / total


@pytest.mark.parametrize("rate", [0.01, 0.1, 0.5])
@pytest.mark.parametrize("prevalence", [0.5, 0.42])
def test_the_chain_agrees_with_the_sum_over_all_paths(rate: float, prevalence: float) -> None:
    presence = np.random.default_rng(0).uniform(0.02, 0.98, 10)

    smooth = HiddenMarkov(rate=rate)(presence, prevalence=prevalence)

    wanted = over_all_paths(presence, rate=rate, prevalence=prevalence)
    np.testing.assert_allclose(smooth, wanted, rtol=1e-12)


def test_a_chain_that_is_drawn_anew_each_step_leaves_presence_as_it_is() -> None:
    presence = np.random.default_rng(1).uniform(0.02, 0.98, 50)

    np.testing.assert_allclose(HiddenMarkov(rate=0.5)(presence, prevalence=0.3), presence)


def test_one_doubtful_frame_among_sure_ones_is_put_right() -> None:
    presence = np.array([0.95] * 5 + [0.3] + [0.95] * 5)

    assert HiddenMarkov(rate=0.05)(presence, prevalence=0.5)[5] > 0.9


def test_a_thousand_sure_frames_that_contradict_each_other_stay_finite() -> None:
    presence = np.tile([0.0, 1.0], 500)

    smooth = HiddenMarkov(rate=0.002)(presence, prevalence=0.5)

    assert np.isfinite(smooth).all()
    assert ((smooth >= 0) & (smooth <= 1)).all()


def test_a_clip_of_one_frame_is_left_alone() -> None:
    one = np.array([0.7])

    for smoother in (HiddenMarkov(rate=0.05), Exponential(weight=0.3), FrameByFrame()):
        np.testing.assert_allclose(smoother(one, prevalence=0.4), one)


def test_the_filter_is_the_running_mean_by_hand() -> None:
    smooth = Exponential(weight=0.25)(np.array([0.8, 0.4, 1.0]), prevalence=0.5)

    # 0.25 * 0.4 + 0.75 * 0.8 = 0.7; 0.25 * 1 + 0.75 * 0.7 = 0.775
    np.testing.assert_allclose(smooth, [0.8, 0.7, 0.775])


@pytest.mark.parametrize("kind", CANDIDATES)
def test_a_smoother_comes_back_from_plain_values(kind: str) -> None:
    for smoother in CANDIDATES[kind]:
        described = describe_smoother(smoother)
        assert described["kind"] == kind
        assert smoother_of(described) == smoother


def test_a_run_of_before_there_were_smoothers_smooths_nothing() -> None:
    assert smoother_of(None) == FrameByFrame()


@pytest.mark.parametrize("rate", [0, 0.6, -1])
def test_a_rate_out_of_range_is_refused(rate: float) -> None:
    with pytest.raises(NerveCegError, match=r"temporal.rate=.*at most 0.5"):
        HiddenMarkov(rate=rate)


def test_a_weight_out_of_range_is_refused() -> None:
    with pytest.raises(NerveCegError, match=r"temporal.weight=0"):
        Exponential(weight=0)
