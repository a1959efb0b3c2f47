"""What is done to a mask after thresholding: components, holes, outlines, learnt shapes."""

from nerveceg.postprocess.components import count_components
from nerveceg.postprocess.shape_prior import ShapePrior, fit_shape_prior, load_priors
from nerveceg.postprocess.steps import (
    SHAPE_PRIOR,
    Priors,
    check_steps,
    clean_mask,
    postprocess,
    require_priors,
    stay_inside,
)

__all__ = [
    "SHAPE_PRIOR",
    "Priors",
    "ShapePrior",
    "check_steps",
    "clean_mask",
    "count_components",
    "fit_shape_prior",
    "load_priors",
    "postprocess",
    "require_priors",
    "stay_inside",
]
