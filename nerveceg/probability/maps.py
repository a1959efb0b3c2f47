"""A presence logit to the probability that the frame shows the nerve, in four forms."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from math import inf, isfinite
from typing import Any, ClassVar

import numpy as np

from nerveceg.arrays import Array, like, log_sigmoid, namespace, sigmoid
from nerveceg.errors import NerveCegError


@dataclass(frozen=True, kw_only=True)
class PresenceMap(ABC):
    """A monotone non-decreasing map of logits to probabilities, of tensors or numpy arrays."""

    form: ClassVar[str]

    @abstractmethod
    def __call__(self, logit: Array) -> Array:
        """Probability in [0, 1] of each logit, float32 or float64 of any shape; NaN stays NaN."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for a JSON file, `form` among them."""
        return {"form": self.form, **asdict(self)}


@dataclass(frozen=True, kw_only=True)
class Temperature(PresenceMap):
    """sigmoid(slope * logit), slope >= 0 being one over the temperature.

    Guo et al., On calibration of modern neural networks, ICML 2017.
    """

    form: ClassVar[str] = "temperature"
    slope: float

    def __post_init__(self) -> None:
        _require_number("slope", self.slope, least=0)

    def __call__(self, logit: Array) -> Array:
        """As every map."""
        return sigmoid(self.slope * logit)


@dataclass(frozen=True, kw_only=True)
class Platt(PresenceMap):
    """sigmoid(slope * logit + intercept), slope >= 0; the defaults change nothing.

    Platt, Probabilistic outputs for support vector machines, 1999.
    """

    form: ClassVar[str] = "platt"
    slope: float = 1.0
    intercept: float = 0.0

    def __post_init__(self) -> None:
        _require_number("slope", self.slope, least=0)
        _require_number("intercept", self.intercept)

    def __call__(self, logit: Array) -> Array:
        """As every map."""
        return sigmoid(self.slope * logit + self.intercept)


@dataclass(frozen=True, kw_only=True)
class Beta(PresenceMap):
    """sigmoid(a ln s - b ln(1 - s) + c) with s = sigmoid(logit), a and b >= 0; a = b is Platt's.

    Kull, Silva Filho & Flach, Beta calibration, AISTATS 2017.
    """

    form: ClassVar[str] = "beta"
    a: float
    b: float
    c: float

    def __post_init__(self) -> None:
        _require_number("a", self.a, least=0)
        _require_number("b", self.b, least=0)
        _require_number("c", self.c)

    def __call__(self, logit: Array) -> Array:
        """As every map."""
        return sigmoid(self.a * log_sigmoid(logit) - self.b * log_sigmoid(-logit) + self.c)


@dataclass(frozen=True, kw_only=True)
class Isotonic(PresenceMap):
    """Straight lines between knots, flat beyond the first and the last.

    logits: K finite numbers, rising also in float32.
    presence: K probabilities, not falling; `fit_map` keeps them off 0 and 1.
    """

    form: ClassVar[str] = "isotonic"
    logits: tuple[float, ...]
    presence: tuple[float, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "logits", tuple(self.logits))
        object.__setattr__(self, "presence", tuple(self.presence))
        knots, heights = (np.array(row, dtype=np.float32) for row in (self.logits, self.presence))
        if not (len(knots) == len(heights) > 0 and np.isfinite(knots).all()):
            raise NerveCegError(
                f"isotonic map with {len(knots)} logits and {len(heights)} presences: as many of "
                "one as of the other, at least one and finite, are wanted"
            )
        if (np.diff(knots) <= 0).any() or (np.diff(heights) < 0).any():
            raise NerveCegError(
                "isotonic map that falls: rising logits and presences that don't fall are wanted"
            )
        for height in self.presence:
            _require_number("presence", height, least=0, most=1)

    def __call__(self, logit: Array) -> Array:
        """As every map."""
        xp, knots, heights = namespace(logit), like(self.logits, logit), like(self.presence, logit)
        inside = xp.clip(xp.reshape(logit, (-1,)), self.logits[0], self.logits[-1])
        upper = xp.clip(xp.searchsorted(knots, inside), None, len(self.logits) - 1)
        lower = xp.clip(upper - 1, 0, None)
        width = xp.clip(knots[upper] - knots[lower], float(xp.finfo(logit.dtype).tiny), None)
        rise = heights[upper] - heights[lower]
        level = heights[lower] + rise * ((inside - knots[lower]) / width)
        # Rounding must not lift a point above the knot to its right: the map would fall there.
        bounded: Array = xp.reshape(xp.minimum(level, heights[upper]), logit.shape)
        return bounded


FORMS: dict[str, type[PresenceMap]] = {
    # from the simplest on
    kind.form: kind
    for kind in (Temperature, Platt, Beta, Isotonic)
}


def map_from_dict(values: Mapping[str, Any]) -> PresenceMap:
    """The map that `to_dict` described.

    Raises:
        NerveCegError: the form is unknown, or its numbers are others than the form has.
    """
    form = str(values.get("form"))
    require_form(form)
    kind = FORMS[form]
    numbers = {name: value for name, value in values.items() if name != "form"}
    wanted = [field.name for field in fields(kind)]
    if set(numbers) != set(wanted):
        raise NerveCegError(
            f"calibration of form {form} has {', '.join(numbers) or 'no numbers'}: "
            f"{', '.join(wanted)} are wanted"
        )
    return kind(**numbers)


def require_form(form: str) -> None:
    """Stop at a name that isn't one of `FORMS`."""
    if form not in FORMS:
        raise NerveCegError(f'calibration form "{form}" is unknown: {", ".join(FORMS)} are known')


def _require_number(name: str, value: float, *, least: float = -inf, most: float = inf) -> None:
    if not (isfinite(value) and least <= value <= most):
        wanted = "a finite number" if least == -inf else f"a finite number from {least}"
        raise NerveCegError(
            f"calibration {name}={value}: {wanted}{'' if most == inf else f' to {most}'} is wanted"
        )
