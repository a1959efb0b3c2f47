"""The joint decision: which mask a frame gets, or none."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from nerveceg.arrays import Array, areas_of, namespace
from nerveceg.errors import NerveCegError
from nerveceg.expected_dice import plug_in
from nerveceg.postprocess import SHAPE_PRIOR, Priors, check_steps, postprocess
from nerveceg.probability.blur import gaussian_blur

Correct = Callable[[Array], Array]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Thresholds of the two stages, and what is done to a mask.

    With both-empty Dice = 1 a frame is best left empty iff 1 - pi >= pi * d, pi being its presence
    and d the Dice that its mask is expected to have if the nerve is there; and the best mask are
    the pixels of at least half that Dice. None asks for these; a number is a plain threshold.

    presence: a frame keeps its mask iff its presence is above this (with a miss rate: at least
        this); None: above 1 / (1 + d).
    mask: a pixel belongs to the mask iff its probability is at least this; None: half the expected
        Dice of the best mask.
    area: a mask of fewer pixels, at native size, is taken for none.
    blur: size of the Gaussian kernel, odd, in native pixels, that smooths the probabilities before
        `mask` cuts them, as `gaussian_blur` does; 0: none. The expected Dice is of the map itself.
    mixture_area: a mask's area over this, at most 1, times 5/3, averaged with presence, is what the
        gate compares with `presence`, "at least": a large mask opens it (Tyantov, 2018); None:
        presence alone. Only the gate's decision changes, not the presence that is told.
    prevalence: share of frames with nerve to expect where the frames come from; None: as where
        presence was calibrated.
    miss_rate: choose the gate so that of a new subject's nerve frames no more than this share is
        expected to be missed, whatever that costs in Dice; nothing else may then empty a mask.
    refer: a frame is for a human to look at iff its expected score less its spread is below this.
    postprocess: names of steps, in their order.
    """

    presence: float | None = 0.56
    mask: float | None = 0.5
    area: int = 0
    blur: int = 0
    mixture_area: int | None = None
    prevalence: float | None = None
    miss_rate: float | None = None
    refer: float = 0.0
    postprocess: tuple[str, ...] = ("largest_component", "fill_holes")

    def __post_init__(self) -> None:
        if self.presence is not None and not 0 <= self.presence <= 1:
            raise NerveCegError(f"rule.presence={self.presence}: a number in [0, 1] is wanted")
        if self.mask is not None and not 0 < self.mask <= 1:
            raise NerveCegError(f"rule.mask={self.mask}: a number in (0, 1] is wanted")
        if self.area < 0:
            raise NerveCegError(f"rule.area={self.area}: a number of pixels from 0 is wanted")
        for name in ("prevalence", "miss_rate"):
            value = getattr(self, name)
            if value is not None and not 0 < value < 1:
                raise NerveCegError(f"rule.{name}={value}: a number between 0 and 1 is wanted")
        check_steps(self.postprocess)
        object.__setattr__(self, "postprocess", tuple(self.postprocess))
        self._check_blur()
        self._check_mixture()
        plain = (self.mask, self.area, self.mixture_area) != (None, 0, None)
        if self.miss_rate is not None and (plain or SHAPE_PRIOR in self.postprocess):
            raise NerveCegError(
                f"rule.miss_rate={self.miss_rate} beside a plain rule: a frame may be empty only "
                "if the gate says so, rule=joint is wanted"
            )

    def _check_blur(self) -> None:
        if self.blur < 0 or (self.blur and self.blur % 2 == 0):
            raise NerveCegError(f"rule.blur={self.blur}: an odd number of pixels, or 0, is wanted")
        if self.blur and self.mask is None:
            raise NerveCegError(
                f"rule.blur={self.blur} beside rule.mask=null: half of the expected Dice cuts the "
                "map as it is best, a number is wanted for a blurred one"
            )

    def _check_mixture(self) -> None:
        if self.mixture_area is None:
            return
        if self.mixture_area <= 0:
            raise NerveCegError(
                f"rule.mixture_area={self.mixture_area}: a number of pixels above 0 is wanted"
            )
        if self.presence is None:
            raise NerveCegError(
                f"rule.mixture_area={self.mixture_area} beside rule.presence=null: a number is "
                "wanted, with which to compare the mixture"
            )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for a JSON file."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Rule":
        """The rule that `to_dict` described."""
        return cls(**{**values, "postprocess": tuple(values["postprocess"])})


class Drawing(NamedTuple):
    """The masks that N frames get if they show the nerve."""

    mask: Array
    """bool [N, 1, H, W]"""
    expected: Array
    """float32 [N] in [0, 1], the Dice that the best mask is expected to have then"""

    @property
    def area(self) -> Array:
        """Pixels of the masks, int64 [N]."""
        return areas_of(self.mask)


def draw(
    probability: Array,
    rule: Rule,
    correct: Correct | None = None,
    *,
    priors: Priors = (),
) -> Drawing:
    """Masks of frames, bool, and their expected Dice.

    probability: float32 [N, 1, H, W] in [0, 1] at native pixels, given that the nerve is there.
    correct: plug-in expected Dice, float32 [N], to what it is worth; it moves the gate alone.
    priors: as `postprocess` takes them.
    """
    # Who counts the mask, or predicts, refuses NaN.
    best = plug_in(namespace(probability).nan_to_num(probability))
    threshold = best.threshold[:, None, None, None] if rule.mask is None else rule.mask
    masks = postprocess(smooth(probability, rule) >= threshold, rule.postprocess, priors)
    masks = masks & (areas_of(masks) >= rule.area)[:, None, None, None]
    return Drawing(masks, best.dice if correct is None else correct(best.dice))


def smooth(probability: Array, rule: Rule) -> Array:
    """Probabilities, float32 [N, 1, H, W] at native pixels, as the rule's threshold cuts them."""
    return gaussian_blur(probability, rule.blur) if rule.blur else probability


def passes(presence: Array, expected: Array, area: Array, rule: Rule) -> Array:
    """Whether the gate lets a frame through, bool [N].

    presence, expected: float32 [N], presence and expected Dice. area: [N], pixels of the masks.
    """
    if rule.presence is None:
        return presence * expected > 1 - presence
    if rule.mixture_area is not None:
        xp = namespace(presence)
        share = xp.clip(xp.astype(area, presence.dtype) / rule.mixture_area, None, 1.0)
        mixture: Array = (presence + share * 5 / 3) / 2
        return mixture >= rule.presence
    # A miss rate is guaranteed for a gate that keeps the frames at its threshold, also at 0.
    if rule.miss_rate is not None:
        return presence >= rule.presence
    return presence > rule.presence


def decide(
    presence: Array, probability: Array, rule: Rule, correct: Correct | None = None
) -> Array:
    """The masks of N frames, bool [N, 1, H, W]; empty where the rule says that no nerve is shown.

    presence: float32 [N] in [0, 1].
    probability: float32 [N, 1, H, W] in [0, 1], at native pixels.
    correct: as in `draw`.
    """
    drawing = draw(probability, rule, correct)
    passed = passes(presence, drawing.expected, drawing.area, rule)
    return drawing.mask & passed[:, None, None, None]


def expected_score(presence: Array, expected: Array, drawn: Array) -> Array:
    """The Dice that frames are expected to get, float32 [N]: pi * d with a mask, else 1 - pi.

    presence, expected: float32 [N]. drawn: bool [N], whether the final mask has a pixel.
    """
    score: Array = namespace(presence).where(drawn, presence * expected, 1 - presence)
    return score
