"""Masks to Kaggle's run-length strings and back: column-major, 1-based "start length" pairs."""

import numpy as np
from numpy.typing import NDArray

from nerveceg.errors import DataError


def encode_runs(mask: NDArray[np.bool_]) -> str:
    """Run-length string of a mask, bool [H, W]; "" where it is empty."""
    pixels = np.concatenate([[False], mask.ravel(order="F"), [False]])
    edges = np.flatnonzero(pixels[1:] != pixels[:-1]) + 1
    starts, ends = edges[::2], edges[1::2]
    return " ".join(f"{start} {end - start}" for start, end in zip(starts, ends, strict=True))


def decode_runs(runs: str, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Mask, bool [H, W] of `shape`, of a run-length string.

    Raises:
        DataError: a run is no pair of whole numbers, overlaps the one before or leaves the frame.
    """
    numbers = _numbers(runs)
    starts, lengths = numbers[::2] - 1, numbers[1::2]
    ends = starts + lengths
    pixels = shape[0] * shape[1]
    before = np.concatenate([[0], ends[:-1]])
    bad = np.flatnonzero((starts < before) | (lengths < 1) | (ends > pixels))
    if bad.size:
        pair = f"{numbers[2 * bad[0]]} {numbers[2 * bad[0] + 1]}"
        raise DataError(
            f'run "{pair}" doesn\'t fit a frame of {shape[0]} x {shape[1]}: runs are ascending, '
            f"column-major, 1-based and end by pixel {pixels}"
        )
    flat = np.zeros(pixels, dtype=np.bool_)
    for start, end in zip(starts, ends, strict=True):
        flat[start:end] = True
    return flat.reshape(shape, order="F")


def _numbers(runs: str) -> NDArray[np.int64]:
    words = runs.split()
    if len(words) % 2 or not all(map(_is_number, words)):
        raise DataError(
            f'"{runs[:40]}" is no run-length string: pairs of "start length" are wanted'
        )
    return np.array(words, dtype=np.int64)


def _is_number(word: str) -> bool:
    # 18 digits and no more, so that int64 holds every start + length.
    return word.isascii() and word.isdigit() and len(word) <= 18
