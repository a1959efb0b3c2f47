"""The shapes that training masks have: a mask is drawn as the nearest of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nerveceg.errors import NerveCegError
from nerveceg.files import write_bytes
from nerveceg.postprocess.components import Mask
from nerveceg.resampling import mean_of_cells, stretch

COMPONENTS = 20
FILE = "shape_prior.safetensors"
LEAST_MASKS = COMPONENTS + 1
"""Fewer masks, less their mean, don't span as many components."""

GRID = (64, 88)
"""A cell is 6.6 native pixels of Kaggle's frames; 20 components blur a contour more than that."""

Float = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class ShapePrior:
    """The mean of training masks and the directions in which they differ most.

    mean: float32 [h, w], in [0, 1], over the whole frame. components: float32 [K, h, w],
    orthonormal.
    """

    mean: Float
    components: Float

    def reconstruct(self, coarse: Float) -> Float:
        """A coarse mask, float32 [h, w], as the mean and the components best describe it."""
        weights = np.tensordot(self.components, coarse - self.mean, axes=2)
        return self.mean + np.tensordot(weights, self.components, axes=1)

    def save(self, folder: Path) -> None:
        """Write both tensors, as they are, to a trained segmenter's folder."""
        from safetensors.numpy import save

        tensors = {"mean": self.mean, "components": self.components}
        # safetensors writes an array's memory as it lies, also where that is column by column.
        whole = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
        write_bytes(folder / FILE, save(whole))

    @classmethod
    def load(cls, folder: Path) -> "ShapePrior":
        """The prior that `save` wrote.

        Raises:
            NerveCegError: the file is missing, damaged or holds something else.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load

        path = folder / FILE
        try:
            tensors = load(path.read_bytes())
            prior = cls(mean=tensors["mean"], components=tensors["components"])
        except (OSError, SafetensorError, KeyError) as error:
            reason = " ".join(str(error).split())
            raise NerveCegError(f"{path} is no shape prior ({reason}): train again") from None
        if prior.mean.ndim != 2 or prior.components.shape[1:] != prior.mean.shape:
            raise NerveCegError(f"{path} is no shape prior (its tensors don't fit): train again")
        return prior


def load_priors(folders: Iterable[Path]) -> tuple[ShapePrior, ...]:
    """The priors in the folders of trained segmenters; none at all where one of them has none.

    Raises:
        NerveCegError: as `ShapePrior.load`.
    """
    folders = list(folders)
    whole = all((folder / FILE).is_file() for folder in folders)
    return tuple(ShapePrior.load(folder) for folder in folders) if whole else ()


def fit_shape_prior(
    masks: Iterable[Mask], *, components: int = COMPONENTS, grid: tuple[int, int] = GRID
) -> ShapePrior | None:
    """The principal components of training masks, bool [H, W] of any size; empty ones don't count.

    As in the 25th place of Kaggle's challenge (kaggle_uns, 2016): 20 components, there on a grid of
    128 x 128. None where fewer than `components` + 1 masks have a pixel.
    """
    from sklearn.decomposition import PCA

    rows = [_shrink(mask, grid).ravel() for mask in masks if mask.any()]
    if len(rows) <= components:
        return None
    fitted = PCA(components, random_state=0).fit(np.stack(rows))
    return ShapePrior(
        mean=fitted.mean_.reshape(grid).astype(np.float32),
        components=fitted.components_.reshape(-1, *grid).astype(np.float32),
    )


def impose(mask: Mask, priors: Sequence[ShapePrior]) -> Mask:
    """A mask, bool [H, W], drawn as the priors' components describe it; may come out empty.

    The pixels where the mean of the priors' reconstructions reaches a half.
    """
    described = [prior.reconstruct(_shrink(mask, prior.mean.shape)) for prior in priors]
    height, width = mask.shape
    return np.asarray(stretch(np.mean(described, axis=0), (height, width)) >= 0.5)


def _shrink(mask: Mask, grid: tuple[int, ...]) -> Float:
    """The share of each cell that is mask, float32 [h, w] in [0, 1]."""
    rows, columns = grid
    return mean_of_cells(mask.astype(np.float32), (rows, columns))
