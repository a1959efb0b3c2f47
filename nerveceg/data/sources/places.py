"""The path of a picture inside a file: `clip.mp4#003` is the fourth of `clip.mp4`."""

import re
from pathlib import Path, PurePosixPath

_INSIDE = re.compile(r"(.+)#([0-9]{3,})")


def picture_path(file: Path, place: int) -> Path:
    """The path of picture `place`, counted from 0, of a file that holds several."""
    return file.with_name(f"{file.name}#{place:03d}")


def split_path(path: Path) -> tuple[Path, int | None]:
    """The file of a path and the picture's place in it, None where the path is a file's own."""
    match = _INSIDE.fullmatch(path.name)
    if match is None or path.is_file():
        return path, None
    return path.with_name(match[1]), int(match[2])


def file_of(path: Path) -> Path:
    """The file that holds a picture: the path itself unless it leads inside a file."""
    return split_path(path)[0]


def clip_of(path: Path) -> Path | None:
    """The file whose pictures follow each other in time; None: the path is one picture's alone."""
    file, place = split_path(path)
    return None if place is None else file


def name_of(path: PurePosixPath | Path, suffixes: tuple[str, ...]) -> str:
    """A path without the suffix of its file: `a/clip.mp4#003` is `a/clip#003`, `a/1.2.3` itself."""
    match = _INSIDE.fullmatch(path.name)
    name, place = (match[1], f"#{match[2]}") if match else (path.name, "")
    stem = PurePosixPath(name)
    bare = stem.stem if stem.suffix.lower() in suffixes else name
    return path.with_name(bare + place).as_posix()
