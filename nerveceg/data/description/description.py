"""What a data set holds: measured frames, sums over their pixels, and what follows from both."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean, median
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nerveceg.data.description.measures import Drawn, Measured, Unread
from nerveceg.data.frames import natural_key


class Part(NamedTuple):
    """Some of the frames, such as one subject's, one device's, or all."""

    name: str
    frames: int
    nerve: int
    """frames whose truth shows the nerve"""
    empty: int
    """frames whose truth is an empty mask"""
    grey: float
    """mean grey level of the frames, 0 to 255"""
    area: float | None
    """median area of the masks with nerve, in pixels; None without one"""

    @property
    def unknown(self) -> int:
        """Frames without a truth that can be read."""
        return self.frames - self.nerve - self.empty

    @property
    def prevalence(self) -> float | None:
        """Share with nerve of the frames whose truth is known; None where it never is."""
        known = self.nerve + self.empty
        return self.nerve / known if known else None


class Copies(NamedTuple):
    """Frames whose grey levels are the same everywhere."""

    frames: tuple[str, ...]
    """frame ids"""
    subjects: tuple[str, ...]
    """of those frames, each once"""
    same_bytes: bool
    """whether the files are the same byte by byte too"""
    contradictory: bool
    """whether some show the nerve and others don't"""


@dataclass(frozen=True, kw_only=True)
class Description:
    """A data set in numbers; frames in natural order of their ids."""

    measured: tuple[Measured, ...]
    unread: tuple[Unread, ...]
    levels: NDArray[np.int64]
    """[256] pixels of each grey level, over all frames"""
    mean_frame: NDArray[np.float64]
    """[84, 116] grey levels; frames of any size are brought to this grid"""
    mean_mask: NDArray[np.float64]
    """[84, 116] share of the masks with nerve that cover each place"""
    centroids: NDArray[np.int64]
    """[21, 29] masks with nerve whose centroid lies in the cell"""

    @cached_property
    def all(self) -> Part:
        """All measured frames."""
        return _part("all", self.measured)

    @cached_property
    def subjects(self) -> list[Part]:
        """The frames of each subject, in natural order; "" holds those without one."""
        return _parts(self.measured, lambda frame: frame.frame.subject)

    @cached_property
    def groups(self) -> dict[str, list[Part]]:
        """Of each further column of the table, the frames of each value."""
        columns = dict.fromkeys(name for frame in self.measured for name in frame.frame.groups)
        return {name: _parts(self.measured, _group(name)) for name in columns}

    @cached_property
    def sizes(self) -> Counter[tuple[int, int]]:
        """Frames of each height and width."""
        return Counter((frame.height, frame.width) for frame in self.measured)

    @cached_property
    def kinds(self) -> Counter[str]:
        """Frames of each bit depth and file format."""
        return Counter(frame.kind for frame in self.measured)

    @cached_property
    def drawn(self) -> list[Drawn]:
        """Every mask with nerve."""
        return [frame.drawn for frame in self.measured if frame.drawn is not None]

    @cached_property
    def unlabelled(self) -> list[Measured]:
        """Frames for which no truth is named; one that can't be read is in `unread`."""
        return [frame for frame in self.measured if frame.frame.mask is None]

    @cached_property
    def copies(self) -> list[Copies]:
        """Frames that are equal to the pixel, each set once, in the order of its first frame."""
        same: defaultdict[str, list[Measured]] = defaultdict(list)
        for frame in self.measured:
            same[frame.pixels_digest].append(frame)
        return [_copies(frames) for frames in same.values() if len(frames) > 1]

    def level_quantile(self, share: float) -> int:
        """The grey level that a `share` of all pixels doesn't exceed."""
        below = np.cumsum(self.levels)
        return int(np.searchsorted(below, share * below[-1]))


def _parts(frames: Iterable[Measured], name_of: Callable[[Measured], str]) -> list[Part]:
    named: defaultdict[str, list[Measured]] = defaultdict(list)
    for frame in frames:
        named[name_of(frame)].append(frame)
    return [_part(name, named[name]) for name in sorted(named, key=natural_key)]


def _part(name: str, frames: Iterable[Measured]) -> Part:
    own = list(frames)
    present = Counter(frame.present for frame in own)
    areas = [frame.drawn.area for frame in own if frame.drawn is not None]
    return Part(
        name=name,
        frames=len(own),
        nerve=present[True],
        empty=present[False],
        grey=fmean(frame.grey for frame in own) if own else 0.0,
        area=float(median(areas)) if areas else None,
    )


def _group(column: str) -> Callable[[Measured], str]:
    return lambda frame: frame.frame.groups.get(column, "")


def _copies(frames: list[Measured]) -> Copies:
    return Copies(
        frames=tuple(frame.frame.id for frame in frames),
        subjects=tuple(dict.fromkeys(frame.frame.subject for frame in frames)),
        same_bytes=len({frame.bytes_digest for frame in frames}) == 1,
        contradictory={True, False} <= {frame.present for frame in frames},
    )
