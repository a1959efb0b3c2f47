"""What torch tensors and numpy arrays have in common, so that one decision serves both.

The functions of the array standard come from `namespace`; what it leaves out stands here.
"""

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from array_api_compat import array_namespace, device, is_torch_array
from numpy.typing import NDArray
from scipy import special

__all__ = [
    "Array",
    "areas_of",
    "device",
    "is_torch_array",
    "like",
    "log_odds",
    "log_sigmoid",
    "log_sum_exp",
    "namespace",
    "on_host",
    "sigmoid",
    "to_host",
]

if TYPE_CHECKING:
    from torch import Tensor

    Array: TypeAlias = Tensor
else:
    Array: TypeAlias = Any
"""A torch tensor, or a numpy array: annotated as the tensor that it mostly is."""


def namespace(array: Array) -> Any:
    """The array standard's functions for an array of this kind."""
    return array_namespace(array)


def like(values: Any, array: Array) -> Any:
    """Numbers, or a numpy array, as an array of another's kind and dtype, on its device."""
    return namespace(array).asarray(values, dtype=array.dtype, device=device(array))


def on_host(array: Array) -> bool:
    """Whether an array lies in the processor's own memory."""
    return not is_torch_array(array) or array.device.type == "cpu"


def to_host(array: Array) -> NDArray[Any]:
    """The array as numpy's; of a tensor on a processor the memory is shared."""
    return array.cpu().numpy() if is_torch_array(array) else np.asarray(array)


def areas_of(mask: Array) -> Array:
    """How many pixels are set in each of N masks, bool [N, ...], int64 [N]."""
    counts: Array = namespace(mask).sum(mask, axis=tuple(range(1, mask.ndim)))
    return counts


def sigmoid(logit: Array) -> Array:
    """1 / (1 + exp(-x)), elementwise."""
    return logit.sigmoid() if is_torch_array(logit) else special.expit(logit)


def log_sigmoid(logit: Array) -> Array:
    """Logarithm of the sigmoid, elementwise, exact also where that is next to 0."""
    if is_torch_array(logit):
        from torch.nn.functional import logsigmoid

        return logsigmoid(logit)
    return special.log_expit(logit)


def log_odds(probability: Array, *, margin: float) -> Array:
    """Logit of probabilities that are kept `margin` off 0 and 1, elementwise."""
    if is_torch_array(probability):
        return probability.logit(eps=margin)
    return special.logit(np.clip(probability, margin, 1 - margin))


def log_sum_exp(values: Array) -> Array:
    """Logarithm of the sum of exponentials over the first axis."""
    if is_torch_array(values):
        return values.logsumexp(0)
    return special.logsumexp(values, axis=0)
