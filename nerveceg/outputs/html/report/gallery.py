"""The best, median and worst frames as small pictures with both contours, held inside the page."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray
from PIL import Image

from nerveceg.data.frames import Frame
from nerveceg.data.images import read_image, read_mask
from nerveceg.data.reading import Reading
from nerveceg.data.runlength import decode_runs, encode_runs
from nerveceg.errors import DataError
from nerveceg.evaluation.results import Results
from nerveceg.outputs.html.pictures import data_uri
from nerveceg.prediction import Prediction

Mask = NDArray[np.bool_]
WIDTH, SHOWN = 300, 6
Look = Callable[[Reading, Prediction], None]


class Picture(NamedTuple):
    """A frame in the gallery."""

    id: str
    subject: str
    dice: float
    presence: float
    drawing: Markup


class MaskKeeper:
    """Keeps every final mask as a run-length string, some kB a frame; a `watch` of `evaluate`."""

    def __init__(self, also: Look | None = None) -> None:
        """Call `also` with each frame too."""
        self.runs: dict[str, str] = {}
        self._also = also

    def __call__(self, reading: Reading, prediction: Prediction) -> None:
        """Keep one frame's mask."""
        self.runs[reading.frame.id] = encode_runs(prediction.mask)
        if self._also is not None:
            self._also(reading, prediction)


def choose_frames(results: Results, *, most: int = SHOWN) -> dict[str, NDArray[np.intp]]:
    """Places of frames worth a look, by group; a frame is in one group at most.

    Best, median and worst are of frames that show the nerve and got a mask, by their Dice; misses
    and false alarms come in the order of presence, the surest error first.
    """
    nerve, drawn, dice = results.nerve, results.final.area > 0, results.dice()
    found = np.flatnonzero(nerve & drawn)
    ranked = found[np.argsort(-dice[found], kind="stable")]
    each = min(most, max(len(ranked) // 3, 1))
    others = ranked[each : len(ranked) - each]
    middle = max(len(others) - each, 0) // 2
    missed, alarms = np.flatnonzero(nerve & ~drawn), np.flatnonzero(~nerve & drawn)
    return {
        "Best contours": ranked[:each],
        "Median contours": others[middle : middle + each],
        "Worst contours": ranked[each:][::-1][:each],
        "Missed nerves": missed[np.argsort(results.presence[missed], kind="stable")][:most],
        "False alarms": alarms[np.argsort(-results.presence[alarms], kind="stable")][:most],
    }


def hang_gallery(
    results: Results, frames: Iterable[Frame], runs: Mapping[str, str]
) -> dict[str, list[Picture]]:
    """The chosen frames as pictures, by group; one that can't be read any more is left out.

    runs: final masks by frame id, as `MaskKeeper` has them.
    """
    by_id = {frame.id: frame for frame in frames}
    groups = {}
    for group, places in choose_frames(results).items():
        known = [place for place in places if results.ids[place] in by_id.keys() & runs.keys()]
        pictures = [_picture(results, place, by_id, runs) for place in known]
        groups[group] = [picture for picture in pictures if picture is not None]
    return groups


def _picture(
    results: Results, place: int, by_id: Mapping[str, Frame], runs: Mapping[str, str]
) -> Picture | None:
    name = str(results.ids[place])
    try:
        image = read_image(by_id[name].image)
        truth = read_mask(by_id[name], image.shape)
        mask = decode_runs(runs[name], image.shape)
    except DataError:  # the report goes on without a picture of it
        return None
    dice, presence = float(results.dice()[place]), float(results.presence[place])
    says = f"Frame {name}: Dice {dice:.3f}, presence {presence:.3f}"
    drawing = draw_frame(image, mask, truth, says=says)
    return Picture(name, str(results.subjects[place]), dice, presence, drawing)


def draw_frame(image: NDArray[np.uint8], mask: Mask, truth: Mask, *, says: str) -> Markup:
    """A frame, uint8 [H, W], as an SVG: truth as a solid contour, prediction as a dashed one."""
    rows, columns = image.shape
    picture = Image.fromarray(image)
    picture.thumbnail((WIDTH, WIDTH * 2))
    inside = Markup('<image href="{}" width="{}" height="{}"/>{}{}').format(
        data_uri(picture),
        columns,
        rows,
        _outline(truth, "truth"),
        _outline(mask, "prediction"),
    )
    return Markup(
        '<svg class="frame" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>'
    ).format(columns, rows, says, inside)


def picture_file(path: Path, *, width: int) -> str | None:
    """A picture file, at most so wide, as a `data:` address; None where there is none to read."""
    if not path.is_file():
        return None
    try:
        with Image.open(path) as picture:
            picture.thumbnail((width, width * 20))
            return data_uri(picture)
    except (OSError, ValueError, Image.DecompressionBombError):
        return None


def _outline(mask: Mask, style: str) -> Markup:
    """A dark halo below a coloured line."""
    import cv2

    found, _ = cv2.findContours(
        mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_TC89_KCOS
    )
    path = "".join(
        "M" + "L".join(f"{across} {up}" for across, up in line[:, 0].tolist()) + "z"
        for line in found
    )
    if not path:
        return Markup("")
    return Markup('<path class="halo" d="{0}"/><path class="{1}" d="{0}"/>').format(path, style)
