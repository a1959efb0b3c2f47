"""A description to plain values: the numbers of the page as `data.json`."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nerveceg.data.description.description import Description, Part
from nerveceg.data.description.findings import find_findings

SCHEMA = 1
QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
_SIDES = ("top", "right", "bottom", "left")


def summarise(description: Description) -> dict[str, Any]:
    """All numbers of the page, fit for JSON: areas in pixels, grey levels 0 to 255.

    Frames stand under their ids, files under their names: no private path is told. What isn't
    known or doesn't exist is None.
    """
    return {
        "schema": SCHEMA,
        "frames": description.all.frames,
        "findings": [finding._asdict() for finding in find_findings(description)],
        "truth": _numbers(description.all),
        "subjects": [_numbers(part) for part in description.subjects],
        "groups": {
            column: [_numbers(part) for part in parts]
            for column, parts in description.groups.items()
        },
        "sizes": [
            {"height": height, "width": width, "frames": count}
            for (height, width), count in description.sizes.most_common()
        ],
        "kinds": dict(description.kinds.most_common()),
        "masks": _masks(description),
        "grey": _grey(description),
        "copies": [copies._asdict() for copies in description.copies],
        "without_truth": [frame.frame.id for frame in description.unlabelled],
        "unread": [
            {"frame": file.frame.id, "part": file.part, "reason": file.reason}
            for file in description.unread
        ],
    }


def quantiles(values: Sequence[float]) -> dict[str, float] | None:
    """Quantiles by their share, such as "0.05"; None of nothing."""
    if not values:
        return None
    found = np.quantile(values, QUANTILES).tolist()
    return dict(zip(map(str, QUANTILES), found, strict=True))


def _numbers(part: Part) -> dict[str, Any]:
    return {
        "name": part.name,
        "frames": part.frames,
        "nerve": part.nerve,
        "empty": part.empty,
        "unknown": part.unknown,
        "prevalence": part.prevalence,
        "median_area": part.area,
        "mean_grey": part.grey if part.frames else None,
    }


def _masks(description: Description) -> dict[str, Any]:
    drawn = [frame for frame in description.measured if frame.drawn]
    masks = description.drawn
    shares = [
        mask.area / (frame.height * frame.width) for frame, mask in zip(drawn, masks, strict=True)
    ]
    return {
        "area": quantiles([mask.area for mask in masks]),
        "share_of_frame": quantiles(shares),
        "centroid_row": quantiles([mask.row for mask in masks]),
        "centroid_column": quantiles([mask.column for mask in masks]),
        "in_pieces": sum(mask.pieces > 1 for mask in masks),
        "at_edge": sum(mask.at_edge for mask in masks),
        "centroids": description.centroids.tolist(),
        "mean_mask": np.round(description.mean_mask, 4).tolist() if masks else None,
    }


def _grey(description: Description) -> dict[str, Any] | None:
    frames = description.measured
    if not frames:
        return None
    levels, pixels = description.levels, int(description.levels.sum())
    borders = np.array([frame.border for frame in frames])
    return {
        "mean": float(levels @ np.arange(256)) / pixels,
        "quantiles": {str(share): description.level_quantile(share) for share in QUANTILES},
        "black_share": int(levels[0]) / pixels,
        "white_share": int(levels[255]) / pixels,
        "frame_mean": quantiles([frame.grey for frame in frames]),
        "frame_contrast": quantiles([frame.contrast for frame in frames]),
        "frame_black_share": quantiles([frame.black for frame in frames]),
        "frame_white_share": quantiles([frame.white for frame in frames]),
        "black_border": {
            side: quantiles(borders[:, place].tolist()) for place, side in enumerate(_SIDES)
        },
        "levels": levels.tolist(),
    }
