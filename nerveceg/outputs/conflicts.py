"""An audit's near-duplicates as a table for the console and as a picture of frames side by side."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image
from tabulate import tabulate

from nerveceg.data.conflicts import Audit, Pair
from nerveceg.data.frames import Frame
from nerveceg.data.images import read_image, read_mask
from nerveceg.outputs.overlays import draw_overlay

HEADERS = ("subject", "frames", "near-duplicate pairs", "contradictory", "rate")
_GAP = 8


def conflict_table(audit: Audit, frames: Sequence[Frame], *, most: int = 15) -> str:
    """Threshold, and counts of the subjects with most contradictory pairs, of the rest, of all."""
    sizes = Counter(frame.subject for frame in frames)
    near = Counter(pair.subject for pair in audit.pairs)
    wrong = Counter(pair.subject for pair in audit.contradictions)
    order = sorted(near, key=lambda subject: (-wrong[subject], -near[subject]))[:most]
    rows = [_cells(name, sizes[name], near[name], wrong[name]) for name in order]
    if rest := sizes.keys() - order:
        counts = (sum(count[name] for name in rest) for count in (sizes, near, wrong))
        rows.append(_cells(f"{len(rest)} others", *counts))
    rows.append(_cells("all", sizes.total(), near.total(), wrong.total()))
    null = audit.null
    return (
        f"near-duplicate: aligned NCC of {null.threshold:.4f} or more; 999 of 1,000 pairs of "
        f"different subjects stay below {null.strangers:.4f} ({null.pairs:,} compared)\n\n"
        f"{tabulate(rows, HEADERS, disable_numparse=True, colalign=_ALIGNED)}\n\n{_kinds(audit)}"
    )


def draw_pairs(pairs: Sequence[Pair], frames: Mapping[str, Frame]) -> Image.Image:
    """The frames of each pair side by side, a row a pair, as an RGB picture; frames by their id.

    Contours are those of the labels; a frame without one is labelled as showing no nerve.
    """
    rows = [_side_by_side(pair, frames) for pair in pairs]
    size = max(row.width for row in rows), sum(row.height + _GAP for row in rows) - _GAP
    picture = Image.new("RGB", size)
    top = 0
    for row in rows:
        picture.paste(row, (0, top))
        top += row.height + _GAP
    return picture


_ALIGNED = ("left", *["right"] * (len(HEADERS) - 1))


def _cells(name: str, frames: int, near: int, wrong: int) -> list[str]:
    rate = f"{wrong / near:.3f}" if near else "-"
    return [name, str(frames), str(near), str(wrong), rate]


def _kinds(audit: Audit) -> str:
    kinds = Counter(pair.kind for pair in audit.pairs)
    exact = sum(pair.exact for pair in audit.contradictions)
    return (
        f"contradictory: {kinds['presence']} in presence, {kinds['mask']} in the mask "
        f"(Dice below .2); {exact} of them between copies equal to the pixel"
    )


def _side_by_side(pair: Pair, frames: Mapping[str, Frame]) -> Image.Image:
    said = f"NCC {pair.ncc:.4f}{', equal to the pixel' if pair.exact else ''}, {pair.kind}"
    if pair.dice is not None:
        said += f", Dice {pair.dice:.2f}"
    left, right = (_labelled(frames[name], said) for name in (pair.first, pair.second))
    row = Image.new("RGB", (left.width + _GAP + right.width, max(left.height, right.height)))
    row.paste(left, (0, 0))
    row.paste(right, (left.width + _GAP, 0))
    return row


def _labelled(frame: Frame, said: str) -> Image.Image:
    image = read_image(frame.image)
    truth = read_mask(frame, image.shape)
    label = "nerve" if truth.any() else "no nerve"
    nothing = np.zeros_like(truth)
    return draw_overlay(image, nothing, truth, caption=f"{frame.id}: {label} ({said})")
