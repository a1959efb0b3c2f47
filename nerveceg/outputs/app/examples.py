"""Phantom frames to look at before there are frames of one's own."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from nerveceg.data.phantom import PhantomFrame, Protocol, Subject
from nerveceg.outputs.app.uploads import Upload

_SEED = 2026
_PERSON, _SWEPT = 17, 2
"""Made-up people: one of two frames, with and without nerve, and one of a sweep."""
_SWEEP = 24


def make_examples(folder: Path) -> list[Upload]:
    """Single phantom frames and a sweep, written as TIFF into a folder."""
    folder.mkdir(parents=True)
    singles = [
        Upload(f"Phantom, {'nerve in view' if frame.shot.visible else 'no nerve'}", pictures)
        for frame, pictures in _written(folder, _PERSON, count=2)
    ]
    sweep = [picture for _, (picture,) in _written(folder, _SWEPT, count=_SWEEP)]
    return [*singles, Upload(f"Phantom sweep, {_SWEEP} pictures", tuple(sweep))]


def _written(
    folder: Path, person: int, *, count: int
) -> Sequence[tuple[PhantomFrame, tuple[Path]]]:
    protocol = Protocol(frames=count, label_noise=0, exact_twins=0, near_twins=0, shuffled=False)
    written = []
    for frame in Subject(person, seed=_SEED, protocol=protocol).frames():
        path = folder / f"{person}_{frame.shot.img}.tif"
        Image.fromarray(frame.image).save(path, compression="tiff_lzw")
        written.append((frame, (path,)))
    return written
