"""A folder, a file or a glob to pairs of image and mask files, by their names."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from nerveceg.data import sources
from nerveceg.errors import DataError

SUFFIXES = (".tif", ".tiff", ".png", ".jpg", ".jpeg", ".bmp")
_MASK = "_mask"
_WILD = frozenset("*?[")


class Pair(NamedTuple):
    """An image file and its mask file, None where there is none."""

    path: PurePosixPath
    """The image's path inside the data set; of a picture in a clip, `a/clip.mp4#003`."""
    image: Path
    mask: Path | None


def pair_files(source: Path, *, mask_folder: Path | None = None) -> list[Pair]:
    """Every image of a folder and its sub-folders, of one file, or of a glob, with its mask.

    DICOM files and clips count as well, with an image for each picture in them, `clip.mp4#003`.
    A mask is called like its image with `_mask` before the suffix and lies beside it, or lies at
    the same place in `mask_folder`, with or without `_mask`; any suffix of `SUFFIXES` will do.
    Hidden files and folders and files of other kinds are passed over; linked folders are followed.

    Raises:
        DataError: nothing is found, a mask lacks its image, or two files claim one image or mask.
    """
    if mask_folder is not None and mask_folder.resolve() == source.resolve():
        mask_folder = None
    root, files = _listed(source, without=mask_folder)
    images = _by_place(root, (one for f in files if not _is_mask(f) for one in pictures_of(f)))
    masks = _by_place(root, (file for file in files if _is_mask(file)))
    if mask_folder is not None:
        elsewhere = _by_place(mask_folder, filter(_is_image, _walk(mask_folder)))
        for place in masks.keys() & elsewhere.keys():
            raise DataError(f"{masks[place]} and {elsewhere[place]} are masks of one image")
        masks |= elsewhere
    if not images:
        raise DataError(
            f"no frames in {source}: images ({' '.join(SUFFIXES)}), DICOM "
            f"or clips ({' '.join(sources.SUFFIXES)}) are wanted"
        )
    if source.is_dir():
        _refuse_orphans(masks, images, source)
    return [
        Pair(PurePosixPath(place).with_name(image.name), image, masks.get(place))
        for place, image in images.items()
    ]


def find_masks(folder: Path) -> dict[str, Path]:
    """Every mask of a folder and its sub-folders, by its image's path without the suffix.

    A mask is called like its image, with or without `_mask` before the suffix; beside a file with
    `_mask`, those without are images.

    Raises:
        DataError: it is no folder, nothing is found, or two files are masks of one image.
    """
    files = list(filter(_is_image, _walk(folder)))
    marked = {file.parent for file in files if _is_mask(file)}
    masks = _by_place(folder, (f for f in files if _is_mask(f) or f.parent not in marked))
    if not masks:
        raise DataError(f"no masks in {folder}: images ({' '.join(SUFFIXES)}) are wanted")
    return masks


def _refuse_orphans(masks: dict[str, Path], images: dict[str, Path], source: Path) -> None:
    orphan = min(masks.keys() - images.keys(), default=None)
    if orphan is not None:
        raise DataError(
            f"{masks[orphan]} is a mask without an image: {orphan}.tif (or .png, .jpg, .bmp) is "
            f"wanted in {source}"
        )


def id_of(path: PurePosixPath) -> str:
    """The id of an image by its path inside the data set: without the file's suffix."""
    return sources.name_of(path, (*SUFFIXES, *sources.SUFFIXES))


def pictures_of(file: Path) -> list[Path]:
    """The images in a file: itself, or the pictures of a DICOM file or a clip."""
    return [file] if _is_image(file) else sources.pictures_in(file)


def _is_image(file: Path) -> bool:
    return file.suffix.lower() in SUFFIXES


def _is_mask(file: Path) -> bool:
    return _is_image(file) and file.stem.lower().endswith(_MASK)


def _by_place(root: Path, files: Iterable[Path]) -> dict[str, Path]:
    places: dict[str, Path] = {}
    for file in files:
        place = id_of(PurePosixPath(file.relative_to(root)))
        if _is_mask(file):
            place = place[: -len(_MASK)]
        if place in places:
            raise DataError(
                f"{places[place]} and {file} have one name: frames need a name each, and a mask is "
                f"called {place}{_MASK} or lies in data.mask_folder"
            )
        places[place] = file
    return places


def _listed(source: Path, *, without: Path | None) -> tuple[Path, list[Path]]:
    if source.is_dir():
        return source, list(_walk(source, without=without))
    if source.exists() or sources.file_of(source).is_file():
        return source.parent, _with_masks_beside([source])
    if not _WILD.intersection(str(source)):
        raise DataError(f"{source} doesn't exist: a folder, a file or a glob is wanted")
    root = next(folder for folder in source.parents if not _WILD.intersection(str(folder)))
    found = root.glob(source.relative_to(root).as_posix())
    return root, _with_masks_beside(file for file in found if _is_wanted(file))


def _with_masks_beside(images: Iterable[Path]) -> list[Path]:
    files = dict.fromkeys(sorted(images))
    for folder in {file.parent for file in files}:
        masks = (file for file in sorted(folder.iterdir()) if _is_mask(file) and _is_wanted(file))
        files |= dict.fromkeys(masks)
    return list(files)


def _walk(folder: Path, *, without: Path | None = None) -> Iterator[Path]:
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder")
    seen = {without.resolve()} if without else set()
    for where, folders, names in os.walk(folder, followlinks=True, onerror=_refuse_folder):
        here = Path(where)
        if here.resolve() in seen:  # a link back to a folder above would never end
            folders.clear()
            continue
        seen.add(here.resolve())
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (here / name for name in sorted(names) if _is_wanted(here / name))


def _is_wanted(file: Path) -> bool:
    known = _is_image(file) or sources.holds_pictures(file)
    return known and not file.name.startswith(".")


def _refuse_folder(error: OSError) -> None:
    raise DataError(f"{error.filename} can't be read: {error.strerror}") from error
