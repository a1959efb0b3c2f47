"""The named steps that are done to a mask after thresholding."""

from collections.abc import Callable, Sequence

import numpy as np

from nerveceg.arrays import Array, like, on_host, to_host
from nerveceg.errors import NerveCegError
from nerveceg.postprocess.components import Mask, bounding_box, fill_holes, largest_component
from nerveceg.postprocess.outline import closing, ellipse
from nerveceg.postprocess.shape_prior import LEAST_MASKS, ShapePrior, impose

Priors = Sequence[ShapePrior]
Step = Callable[[Mask, Priors], Mask]

SHAPE_PRIOR = "shape_prior"


def _inside_its_box(step: Callable[[Mask], Mask]) -> Step:
    """For a step that sets no pixel outside the bounding box: it is done there alone."""

    def done(mask: Mask, _: Priors) -> Mask:
        box = bounding_box(mask)
        cleaned = np.zeros_like(mask)
        if box is not None:
            cleaned[box] = step(mask[box])
        return cleaned

    return done


BY_NAME: dict[str, Step] = {
    "largest_component": _inside_its_box(largest_component),
    "fill_holes": _inside_its_box(fill_holes),
    "closing": _inside_its_box(closing),
    "ellipse": lambda mask, _: ellipse(mask),
    SHAPE_PRIOR: impose,
}


_INSIDE = {"largest_component", "fill_holes", "closing"}


def postprocess(masks: Array, names: Sequence[str], priors: Priors = ()) -> Array:
    """Masks, bool [N, 1, H, W], after the named steps in their order; same device.

    priors: what `shape_prior` needs, one of each training run; the mean of what they say counts.
    """
    if not names or not len(masks):
        return masks
    if not on_host(masks):
        from nerveceg.postprocess.propagation import can_clean, clean_batch

        if can_clean(names):
            return clean_batch(masks, names)
    done = [clean_mask(mask, names, priors) for mask in to_host(masks)[:, 0]]
    cleaned: Array = like(np.stack(done)[:, None], masks)
    return cleaned


def clean_mask(mask: Mask, names: Sequence[str], priors: Priors = ()) -> Mask:
    """One mask, bool [H, W], after the named steps; an empty one stays empty."""
    require_priors(names, priors)
    for name in names:
        if mask.any():
            mask = BY_NAME[name](mask, priors)
    return mask


def stay_inside(names: Sequence[str]) -> bool:
    """Whether no step sets a pixel outside the box that holds its mask."""
    return set(names) <= _INSIDE


def check_steps(names: Sequence[str]) -> None:
    """Raise NerveCegError where a step is unknown."""
    for name in names:
        if name not in BY_NAME:
            raise NerveCegError(
                f"rule.postprocess names {name!r}: any of {', '.join(BY_NAME)} is wanted"
            )


def require_priors(names: Sequence[str], priors: Priors) -> None:
    """Raise NerveCegError where a step needs a shape prior and there is none."""
    if SHAPE_PRIOR in names and not priors:
        raise NerveCegError(
            f"rule.postprocess names {SHAPE_PRIOR!r}, but there is none: it is learnt from "
            f"{LEAST_MASKS} training frames with nerve or more; leave the step out, or train the "
            "segmenter again"
        )
