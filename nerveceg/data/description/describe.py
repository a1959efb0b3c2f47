"""Frames to their description: each file is read once, one frame at a time."""

from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from nerveceg.data.description.description import Description
from nerveceg.data.description.measures import Grey, Mask, Measured, Unread, measure_frame
from nerveceg.data.description.sums import Sums
from nerveceg.data.frames import Frame
from nerveceg.data.images import read_image, read_mask
from nerveceg.errors import DataError


def describe_frames(frames: Sequence[Frame], *, progress: bool = True) -> Description:
    """What frames hold; those that can't be read are listed with the reason, the rest goes on.

    Memory holds one frame's pixels at a time, and some numbers a frame.
    """
    measured: list[Measured] = []
    unread: list[Unread] = []
    sums = Sums()
    for frame in tqdm(frames, desc="describing", unit="frame", disable=not progress):
        try:
            image = read_image(frame.image)
            truth = _truth(frame, image, unread)
            found = measure_frame(frame, image, truth)
        except DataError as error:
            unread.append(Unread(frame, "image", _reason(error, frame)))
            continue
        measured.append(found)
        sums.add(image, truth, found.drawn)
    return Description(
        measured=tuple(measured),
        unread=tuple(unread),
        levels=sums.levels,
        mean_frame=sums.mean_frame,
        mean_mask=sums.mean_mask,
        centroids=sums.centroids,
    )


def _truth(frame: Frame, image: Grey, unread: list[Unread]) -> Mask | None:
    if frame.mask is None:
        return None
    height, width = image.shape
    try:
        return read_mask(frame, (height, width))
    except DataError as error:
        unread.append(Unread(frame, "mask", _reason(error, frame)))
        return None


def _reason(error: DataError, frame: Frame) -> str:
    """The error's line with file names in the place of private paths."""
    line = str(error)
    for path in (frame.mask, frame.image):
        if isinstance(path, Path):
            line = line.replace(str(path), path.name)
    return line
