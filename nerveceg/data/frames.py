"""A folder, a glob or a table of ultrasound frames to rows: ids, subjects, where the truth lies."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from nerveceg.data.coco import read_coco
from nerveceg.data.folders import id_of, pair_files, pictures_of
from nerveceg.data.images import size_of
from nerveceg.data.sources import clip_of, file_of
from nerveceg.data.subjects import subject_finder
from nerveceg.data.tables import Row, read_table, require_columns, rows_by_frame, stated_presence
from nerveceg.errors import DataError, NerveCegError

CLIPS = ("file", "subject")
"""What the frames of a clip may share."""

_COLUMNS = frozenset({"height", "image", "mask", "pixels", "present", "subject", "width"})


class Frame(NamedTuple):
    """One B-mode image file with its truth; no pixels yet."""

    id: str
    """The image's path inside the data set without its suffix, such as "1_12"; unique there.

    Of a picture in a clip, the clip's and the picture's place: "P07/clip#003".
    """
    subject: str
    """The person; "" where unknown."""
    image: Path
    """A file, or a picture inside a DICOM file or a clip: `clip.mp4#003`."""
    mask: Path | str | None
    """A mask file, a run-length string ("" is an empty mask), or None: the truth is unknown."""
    groups: Mapping[str, str] = {}  # never written to; unlike a MappingProxyType it can be pickled
    """Further columns of the table, such as device, site or reader."""
    clip: str | None = None
    """What frames share that follow each other in time, in the order of their ids; None: it stands
    alone."""


def find_frames(
    folder: Path | str,
    *,
    mask_folder: Path | str | None = None,
    table: Path | str | None = None,
    subject_pattern: str | None = None,
    category: str | int | None = None,
    clips: str = "file",
) -> list[Frame]:
    """Every frame of a data set, in natural order of the ids (1_2 before 1_10).

    `folder` is a folder with its sub-folders, a file or a glob. Ultrasound DICOM files (known by
    their first bytes) and MP4 or AVI clips hold a frame for each picture in them; a table's row
    names one, `clip.mp4#003`, or all of a file. Masks lie beside the images as
    `{name}_mask.{suffix}` or under the same name in `mask_folder`; a frame without one has unknown
    truth. `table` is either Kaggle's `train_masks.csv` (subject, img, pixels), whose masks are then
    the truth, or a CSV file with a row a frame: `image` (a path inside `folder` or beside the
    table), if wished `subject`, `mask` (a path) or `pixels` (a run-length string, empty for an
    empty mask, made on `height` and `width` if they are given), `present`, and further columns,
    which become groups. An empty `mask` means an empty mask where `present` is 0, unknown truth
    where `present` is empty or no column. Without the columns `mask` and `pixels`, masks are found
    as without a table. Or `table` is COCO's
    `labels.json`: the frames are its images, whose annotations (of `category`, a name or an id, or
    of all) are the nerve; an image without one shows none.

    The subject comes from the table, else from `subject_pattern` (a regular expression searched in
    the path, with one group or one named "subject"), else from the first sub-folder, else from
    Kaggle's file name `{subject}_{k}`; else it is "".

    `clips` says which frames follow each other in time: "file", the pictures of one clip or
    multi-frame file; "subject", the images of one subject too, in the order of their ids.

    Raises:
        DataError: there are no frames, a mask or a row lacks its image, or a name stands twice.
        NerveCegError: `subject_pattern` or `clips` is wrong.
    """
    if clips not in CLIPS:
        raise NerveCegError(f"data.clips={clips}: {' or '.join(CLIPS)} is wanted")
    source, masks = Path(folder), Path(mask_folder) if mask_folder is not None else None
    subject_of = subject_finder(subject_pattern)
    rows = _rows(Path(table), category) if table is not None else []
    if rows and "img" not in rows[0].cells:
        frames = _frames_of_rows(rows, source, masks, subject_of)
    else:
        pairs = pair_files(source, mask_folder=masks)
        frames = [Frame(id_of(path), subject_of(path), image, mask) for path, image, mask in pairs]
        if rows:
            frames = _with_runs(frames, rows, whole=source.is_dir())
    frames = [frame._replace(clip=_clip_of(frame, clips)) for frame in frames]
    return sorted(frames, key=lambda frame: natural_key(frame.id))


def _clip_of(frame: Frame, clips: str) -> str | None:
    if clip_of(frame.image) is not None:
        return frame.id.rpartition("#")[0]
    return frame.subject or None if clips == "subject" else None


def natural_key(name: str) -> tuple[list[str | int], str]:
    """Sort key that reads runs of digits as numbers: 2 before 10, 1_2 before 1_10."""
    parts = re.split(r"([0-9]+)", name)
    return [int(part) if place % 2 else part for place, part in enumerate(parts)], name


def _rows(table: Path, category: str | int | None) -> list[Row]:
    if table.suffix.lower() == ".json":
        return read_coco(table, category=category)
    return read_table(table)


def _with_runs(frames: Sequence[Frame], rows: list[Row], *, whole: bool) -> list[Frame]:
    """The frames with Kaggle's masks and subjects; where it names none, truth is unknown."""
    by_frame = rows_by_frame(rows)
    missing = by_frame.keys() - {Path(frame.id).name for frame in frames}
    if whole and missing:
        name = min(missing, key=natural_key)
        raise by_frame[name].error(f"there is no image {name}.tif (or .png, .jpg, .bmp)")
    told = []
    for frame in frames:
        row = by_frame.get(Path(frame.id).name)
        mask = row.cells["pixels"] if row else None
        told.append(
            frame._replace(mask=mask, subject=row.cells["subject"] if row else frame.subject)
        )
    return told


def _frames_of_rows(
    rows: list[Row],
    folder: Path,
    mask_folder: Path | None,
    subject_of: Callable[[PurePosixPath], str],
) -> list[Frame]:
    require_columns(rows, ("image",))
    beside: dict[Path, Path | None] = {}
    if not {"mask", "pixels"} & rows[0].cells.keys():
        pairs = pair_files(folder, mask_folder=mask_folder)
        beside = {pair.image.resolve(): pair.mask for pair in pairs}
    frames: dict[str, Frame] = {}
    for row in rows:
        for frame in _frames_of_row(row, folder, beside, subject_of):
            if frame.id in frames:
                raise row.error(f"frame {frame.id} stands in a row above already")
            frames[frame.id] = frame
    return list(frames.values())


def _frames_of_row(
    row: Row,
    folder: Path,
    beside: Mapping[Path, Path | None],
    subject_of: Callable[[PurePosixPath], str],
) -> list[Frame]:
    """The frame of a row, or those of the clip that it names."""
    images = pictures_of(_file(row, "image", folder))
    path = PurePosixPath(row.cells["image"])
    if path.is_absolute() or ".." in path.parts:
        path = PurePosixPath(path.name)  # an id names output files: it stays inside their folder
    subject = row.cells.get("subject") or subject_of(path)
    groups = {name: cell for name, cell in row.cells.items() if name not in _COLUMNS}
    if len(images) > 1 and (row.cells.get("mask") or "pixels" in row.cells):
        raise row.error(
            f"{path} holds {len(images)} pictures: a mask wants a row for each, {path}#000"
        )
    _check_size(row, images[0])
    return [
        Frame(
            id_of(path.with_name(image.name) if len(images) > 1 else path),
            subject,
            image,
            _mask_of_row(row, folder, beside.get(image.resolve())),
            groups,
        )
        for image in images
    ]


def _check_size(row: Row, image: Path) -> None:
    """Refuse runs that were made on another size, where their table says which."""
    stated = row.cells.get("height"), row.cells.get("width")
    if all(stated) and row.cells.get("pixels"):
        try:
            height, width = size_of(image)
        except DataError:  # whoever reads the frame is told
            return
        if stated != (str(height), str(width)):
            raise row.error(
                f"its mask has {stated[0]} rows x {stated[1]} columns, {image} {height} x {width}: "
                "they must match"
            )


def _mask_of_row(row: Row, folder: Path, beside: Path | None) -> Path | str | None:
    present = stated_presence(row)
    if "pixels" in row.cells:
        mask: Path | str | None = row.cells["pixels"]
    else:
        mask = _file(row, "mask", folder) if row.cells.get("mask") else beside
    if present and not mask:
        raise row.error(
            "present says nerve, but no mask shows it: name one, or leave present empty"
        )
    return "" if mask is None and present is False else mask


def _file(row: Row, column: str, folder: Path) -> Path:
    for base in (folder, row.path.parent):
        if file_of(base / row.cells[column]).is_file():
            return base / row.cells[column]
    raise row.error(
        f'{column} "{row.cells[column]}" is no file in {folder} nor in {row.path.parent}'
    )
