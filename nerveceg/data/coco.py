"""COCO's labels.json to rows of images and their masks."""

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nerveceg.data.polygons import fill_counts, fill_polygon, unpack_counts
from nerveceg.data.runlength import encode_runs
from nerveceg.data.sources.limits import MOST_PIXELS
from nerveceg.data.tables import Row
from nerveceg.documents import MEGABYTE, read_json
from nerveceg.errors import DataError

LARGEST = 512 * MEGABYTE
"""Of labels.json; COCO's own, of 118,000 photographs with 860,000 outlines, is as large."""

_MALFORMED = (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError)


def read_coco(path: Path, *, category: str | int | None = None) -> list[Row]:
    """A row an image of a COCO file of polygons or runs; one without annotations shows no nerve.

    Its cells are image, pixels (a run-length string), height and width.

    category: a name or an id; annotations of others are passed over. None: all are nerve.

    Raises:
        DataError: the file can't be read, isn't COCO's, or has no such category.
    """
    labels = _parse(path)
    chosen = _categories(labels, category, path)
    outlines: dict[Any, list[Any]] = defaultdict(list)
    try:
        for annotation in labels["annotations"]:
            if chosen is None or annotation["category_id"] in chosen:
                outlines[annotation["image_id"]].append(annotation["segmentation"])
        listed = {image["id"]: str(image["file_name"]) for image in labels["images"]}
    except _MALFORMED as error:
        raise DataError(
            f"{path} isn't COCO's: images want id and file_name, annotations image_id, "
            f"category_id and segmentation ({type(error).__name__}: {error})"
        ) from error
    strays = sorted(map(str, outlines.keys() - listed.keys()))
    if strays:
        raise DataError(f"{path} has annotations of image {strays[0]}, which it doesn't list")
    if not listed:
        raise DataError(f"{path} lists no images")
    return [
        _row(image, outlines[image["id"]], path, place)
        for place, image in enumerate(labels["images"], start=1)
    ]


def _parse(path: Path) -> dict[str, Any]:
    labels = read_json(path, largest=LARGEST)
    wanted = ("images", "annotations")
    if not isinstance(labels, dict) or not all(isinstance(labels.get(n), list) for n in wanted):
        raise DataError(f"{path} isn't COCO's: lists called images and annotations are wanted")
    return labels


def _categories(labels: dict[str, Any], category: str | int | None, path: Path) -> set[Any] | None:
    if category is None:
        return None
    try:
        known = {one["id"]: str(one["name"]) for one in labels.get("categories", [])}
    except _MALFORMED as error:
        raise DataError(f"{path} isn't COCO's: categories want id and name") from error
    chosen = {number for number, name in known.items() if category in (number, name)}
    if not chosen:
        there = ", ".join(known.values()) or "none"
        raise DataError(f"{path} has no category {category} (data.category); it has {there}")
    return chosen


def _row(image: dict[str, Any], outlines: list[Any], path: Path, place: int) -> Row:
    cells = {"image": str(image["file_name"])}
    row = Row(cells, path, place, unit="image")
    try:
        shape = int(image["height"]), int(image["width"])
        if min(shape) < 1 or shape[0] * shape[1] > MOST_PIXELS:
            raise ValueError(f"height and width are {shape[0]} and {shape[1]}")
        mask = np.zeros(shape, dtype=np.bool_)
        for outline in outlines:
            mask |= _fill(outline, shape)
    except _MALFORMED as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise row.error(f"{image['file_name']}: {' '.join(reason.split())}") from error
    cells |= {"pixels": encode_runs(mask), "height": str(shape[0]), "width": str(shape[1])}
    return row


def _fill(outline: Any, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """One annotation's mask: the union of its polygons, or its runs."""
    if isinstance(outline, dict):
        if tuple(outline["size"]) != shape:
            raise ValueError(f"its runs are of {outline['size']} pixels, not {list(shape)}")
        counts = outline["counts"]
        return fill_counts(unpack_counts(counts) if isinstance(counts, str) else counts, shape)
    mask = np.zeros(shape, dtype=np.bool_)
    for corners in outline:
        if len(corners) < 6 or len(corners) % 2 or not np.isfinite(corners).all():
            raise ValueError(
                f"a polygon has {len(corners)} numbers: pairs x, y of 3 corners or more are wanted"
            )
        if np.abs(corners).max() > 10 * max(shape):
            raise ValueError(f"a polygon's corner lies far outside {shape[0]} x {shape[1]} pixels")
        mask |= fill_polygon(corners, shape)
    return mask
