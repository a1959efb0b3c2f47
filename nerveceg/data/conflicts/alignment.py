"""How far one frame is shifted against another, and how alike the two are once aligned."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import fft

# Rows and columns of a thumbnail: 12 pixels of a frame of 420 x 580.
REACH = (4, 3)
_AT_ONCE = 256

Copies = NDArray[np.float32]
Places = NDArray[np.int64]
Spectra = NDArray[np.complex64]


class Aligned(NamedTuple):
    """P pairs of frames, each with its best shift."""

    ncc: NDArray[np.float32]
    """[P] normalised cross-correlation of what the two frames share once shifted"""
    shift: Places
    """[P, 2] rows and columns by which the second frame moves to lie on the first"""


def likeness(copies: Copies) -> NDArray[np.float32]:
    """NCC of every frame with every other as they lie, [N, N], of standardised copies."""
    flat = copies.reshape(len(copies), -1)
    return np.asarray(flat @ flat.T)


def align(copies: Copies, first: Places, second: Places) -> Aligned:
    """Align P pairs of standardised copies, [N, R, C], by phase correlation.

    Kuglin & Hines 1975, here of the lower half of the frequencies of each axis. The shift is the
    highest correlation within `REACH`, or none where the frames are more alike as they lie.
    """
    shift = np.empty((len(first), 2), np.int64)
    phases = _phases(copies)
    for begin in range(0, len(first), _AT_ONCE):
        part = slice(begin, begin + _AT_ONCE)
        shift[part] = _peaks(phases[first[part]], phases[second[part]], size=copies.shape[1:])
    moved, still = _overlap_ncc(copies, first, second, shift), likeness(copies)[first, second]
    better = moved > still
    return Aligned(np.where(better, moved, still), np.where(better[:, None], shift, 0))


def kept(shift: int) -> slice:
    """The part of the first frame's axis that the second covers once moved by `shift`."""
    return slice(max(shift, 0), min(shift, 0) or None)


def _phases(copies: Copies) -> Spectra:
    """Fourier transforms of length 1 at the lower half of the frequencies of each axis."""
    height, width = copies.shape[1:]
    rows, columns = (np.hanning(size).astype(np.float32) for size in (height, width))
    spectra = fft.rfft2(copies * rows[:, None] * columns)
    low = spectra[:, _low_rows(height), : width // 4]
    return np.asarray(low / np.maximum(np.abs(low), 1e-12), dtype=np.complex64)


def _low_rows(height: int) -> Places:
    return np.arange(-(height // 4), height // 4 + 1)


def _peaks(one: Spectra, other: Spectra, *, size: tuple[int, ...]) -> Places:
    """Where the phase correlation of P pairs is highest, [P, 2], of the shifts within reach."""
    down, right = (np.arange(-reach, reach + 1) for reach in REACH)
    # The inverse transform at those few shifts alone: two products with small matrices.
    along = _waves(down, _low_rows(size[0]), size[0])
    across = _waves(right, np.arange(one.shape[2]), size[1]).T.copy()
    across[1:] *= 2  # a real image's other half of the spectrum mirrors this one
    found = ((along @ (one * other.conj())) @ across).real.reshape(len(one), -1).argmax(axis=1)
    return np.stack([down[found // len(right)], right[found % len(right)]], axis=1)


def _waves(shifts: Places, frequencies: Places, size: int) -> Spectra:
    waves = np.exp(2j * np.pi / size * np.outer(shifts, frequencies))
    return np.asarray(waves, dtype=np.complex64)


def _overlap_ncc(
    copies: Copies, first: Places, second: Places, shift: Places
) -> NDArray[np.float32]:
    """NCC [P] over the part that both frames show after the shift."""
    ncc = np.empty(len(first), np.float32)
    blocks, squares = _block_sums(copies), _block_sums(copies * copies)
    for down, right in np.unique(shift, axis=0):
        chosen = np.flatnonzero((shift == (down, right)).all(axis=1))
        one = slice(None), kept(down), kept(right)
        other = slice(None), kept(-down), kept(-right)
        dot = _dots(copies[one], copies[other], first[chosen], second[chosen])
        count = copies[0][one[1:]].size
        (mean, power), (mean_2, power_2) = (
            (blocks[part].sum(axis=(1, 2))[who], squares[part].sum(axis=(1, 2))[who])
            for part, who in ((one, first[chosen]), (other, second[chosen]))
        )
        spread = (power - mean**2 / count) * (power_2 - mean_2**2 / count)
        ncc[chosen] = (dot - mean * mean_2 / count) / np.sqrt(np.maximum(spread, 1e-12))
    return ncc


def _block_sums(copies: Copies) -> NDArray[np.float32]:
    """Sums over the rows and columns that a shift may cut off, one by one, and over the rest."""
    for axis, reach in zip((1, 2), REACH, strict=True):
        size = copies.shape[axis]
        begins = [*range(reach + 1), *range(size - reach, size)]
        copies = np.add.reduceat(copies, begins, axis=axis)
    return copies


def _dots(one: Copies, other: Copies, first: Places, second: Places) -> NDArray[np.float32]:
    """Inner products of the frames `first` of one with the frames `second` of other."""
    dots = np.empty(len(first), np.float32)
    for begin in range(0, len(first), _AT_ONCE):
        part = slice(begin, begin + _AT_ONCE)
        dots[part] = np.einsum("prc,prc->p", one[first[part]], other[second[part]])
    return dots
