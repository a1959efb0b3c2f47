"""Presence frame by frame to presence over a clip: it is steadier in time than a gate sees it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nerveceg.errors import NerveCegError

Float = NDArray[np.float64]

RATES = (0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.08, 0.12, 0.18, 0.25, 0.35, 0.5)
"""Of change, for the hidden Markov chain; at 0.5 and a prevalence of 0.5 nothing is smoothed."""
WEIGHTS = (0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
"""Of the newest frame, for the exponential filter; at 1 nothing is smoothed."""

_EDGE = 1e-6
"""No single frame is more certain than this, or the chain would have no path through two."""


@dataclass(frozen=True, kw_only=True)
class FrameByFrame:
    """Leaves presence as it is."""

    def __call__(self, presence: Float, *, prevalence: float) -> Float:
        """Presence itself."""
        del prevalence
        return presence


@dataclass(frozen=True, kw_only=True)
class HiddenMarkov:
    """Probability of the nerve given the whole clip: forward and backward over two states.

    What a frame says is its presence's odds over those of the prevalence; the chain starts at the
    prevalence and keeps to it (Rabiner 1989, Proc. IEEE 77(2), equations 19 to 27).

    rate: the share of steps at which the state is drawn anew from the prevalence, times two; so at
        a prevalence of 0.5 it is the share of steps at which the nerve comes or goes.

    Raises:
        NerveCegError: the rate is outside (0, 0.5].
    """

    rate: float

    def __post_init__(self) -> None:
        if not 0 < self.rate <= 0.5:
            raise NerveCegError(f"temporal.rate={self.rate}: more than 0, at most 0.5 is wanted")

    def __call__(self, presence: Float, *, prevalence: float) -> Float:
        """Posterior presence, float64 [T]."""
        prior = np.array([1 - prevalence, prevalence])
        value = np.clip(presence, _EDGE, 1 - _EDGE)
        evidence = np.stack([1 - value, value], axis=1) / prior
        move = (1 - 2 * self.rate) * np.eye(2) + 2 * self.rate * prior
        forward = _passed(evidence, move, prior)
        backward = np.ones_like(evidence)
        for place in range(len(evidence) - 2, -1, -1):
            step = move @ (evidence[place + 1] * backward[place + 1])
            backward[place] = step / step.sum()
        both = forward * backward
        posterior: Float = both[:, 1] / both.sum(axis=1)
        return posterior


@dataclass(frozen=True, kw_only=True)
class Exponential:
    """A running mean that only looks back, as a live picture must.

    weight: of the newest frame; the rest is the mean so far.

    Raises:
        NerveCegError: the weight is outside (0, 1].
    """

    weight: float

    def __post_init__(self) -> None:
        if not 0 < self.weight <= 1:
            raise NerveCegError(f"temporal.weight={self.weight}: more than 0, at most 1 is wanted")

    def __call__(self, presence: Float, *, prevalence: float) -> Float:
        """Filtered presence, float64 [T]; the first frame stays as it is."""
        del prevalence
        smooth = np.array(presence, dtype=np.float64)
        for place in range(1, len(smooth)):
            smooth[place] += (1 - self.weight) * (smooth[place - 1] - smooth[place])
        return smooth


Smoother = FrameByFrame | Exponential | HiddenMarkov
"""Presence of one clip's frames, in their order, to presence given its neighbours."""

_NAMED: dict[str, type[FrameByFrame] | type[Exponential] | type[HiddenMarkov]] = {
    "none": FrameByFrame,
    "exponential": Exponential,
    "hmm": HiddenMarkov,
}
"""As conf/temporal calls them."""

CANDIDATES: Mapping[str, tuple[Smoother, ...]] = {
    "none": (FrameByFrame(),),
    "exponential": tuple(Exponential(weight=weight) for weight in WEIGHTS),
    "hmm": tuple(HiddenMarkov(rate=rate) for rate in RATES),
}
"""What is tried on out-of-fold clips, by the names of conf/temporal."""


def describe_smoother(smoother: Smoother) -> dict[str, Any]:
    """Plain values for a JSON file: its name in conf/temporal and its numbers."""
    name = next(name for name, kind in _NAMED.items() if isinstance(smoother, kind))
    return {"kind": name, **asdict(smoother)}


def smoother_of(described: Mapping[str, Any] | None) -> Smoother:
    """The smoother that `describe_smoother` described; None, as before there were any, is none.

    Raises:
        KeyError: no smoother is called that.
        TypeError: its numbers are others.
        NerveCegError: a number is out of its range.
    """
    if described is None:
        return FrameByFrame()
    numbers = {name: value for name, value in described.items() if name != "kind"}
    return _NAMED[described["kind"]](**numbers)


def _passed(evidence: Float, move: Float, prior: Float) -> Float:
    """State given all frames so far, float64 [T, 2]."""
    forward = np.empty_like(evidence)
    state = prior
    for place, seen in enumerate(evidence):
        joint = seen * (state if place == 0 else state @ move)
        state = joint / joint.sum()
        forward[place] = state
    return forward
