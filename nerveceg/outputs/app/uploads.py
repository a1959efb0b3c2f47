"""A file from a stranger to pictures: known by its first bytes, kept under a name of ours."""

import secrets
import shutil
from pathlib import Path
from typing import NamedTuple

from nerveceg.data.images import read_image
from nerveceg.data.sources import may_show_words, pictures_in
from nerveceg.errors import DataError
from nerveceg.outputs.app.settings import PageSettings

_STARTS = {
    b"II*\0": ".tif",
    b"MM\0*": ".tif",
    b"II+\0": ".tif",
    b"MM\0+": ".tif",
    b"\x89PNG\r\n\x1a\n": ".png",
    b"\xff\xd8\xff": ".jpg",
    b"BM": ".bmp",
}
_HEAD = 132
_LONGEST_NAME = 80


class Upload(NamedTuple):
    """A file that the page shows."""

    name: str
    """as the browser called it: a stranger's text, to be escaped wherever it is shown"""
    pictures: tuple[Path, ...]
    """what `read_image` takes, in their order"""
    folder: Path | None = None
    """ours alone, to be deleted after use; None: it stays, as examples do"""
    words: bool = False
    """whether names may be burned into its pictures"""

    def delete(self) -> None:
        """Remove it from the disk."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)


def suffix_of(file: Path) -> str | None:
    """The suffix that a file's first bytes deserve, None where it is no kind that is read."""
    with file.open("rb") as start:
        head = start.read(_HEAD)
    if head[128:] == b"DICM":
        return ".dcm"
    if head[4:8] == b"ftyp":
        return ".mp4"
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return ".avi"
    return next((suffix for start, suffix in _STARTS.items() if head.startswith(start)), None)


def take_upload(file: Path, *, into: Path, settings: PageSettings) -> Upload:
    """Move an uploaded file into a folder of its own below `into`; its first picture is readable.

    Raises:
        DataError: one sentence that names the file: it is too large, empty, of another kind, too
            long, or damaged. Then it is deleted.
    """
    name = file.name[:_LONGEST_NAME]
    folder = into / secrets.token_hex(16)
    try:
        kept = _keep(file, name, folder, settings)
        return Upload(name, _pictures(kept, name, settings), folder, may_show_words(kept))
    except DataError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    except FileNotFoundError:  # the same file, brought twice at the same moment, lies at one place
        raise DataError(f"{name} is gone: upload it again") from None
    finally:
        file.unlink(missing_ok=True)


def _keep(file: Path, name: str, folder: Path, settings: PageSettings) -> Path:
    size = file.stat().st_size
    if not size:
        raise DataError(f"{name} is empty")
    if size > settings.largest_bytes:
        raise DataError(
            f"{name} has {size / 1e6:,.1f} MB: at most {settings.largest_upload:,} MB are taken"
        )
    suffix = suffix_of(file)
    if suffix is None:
        raise DataError(
            f"{name} is no TIFF, PNG, JPEG or BMP image, no DICOM file and no MP4 or AVI clip"
        )
    folder.mkdir(parents=True, mode=0o700)
    return Path(shutil.move(file, folder / f"upload{suffix}"))


def _pictures(kept: Path, name: str, settings: PageSettings) -> tuple[Path, ...]:
    image = kept.suffix in _STARTS.values()
    try:
        pictures = (kept,) if image else tuple(pictures_in(kept))
        if len(pictures) > settings.longest_clip:
            raise DataError(
                f"{name} holds {len(pictures):,} pictures: at most {settings.longest_clip:,} are "
                "taken here, cut it into shorter clips"
            )
        read_image(pictures[0])
    except DataError as error:
        raise DataError(str(error).replace(str(kept), name)) from None
    return pictures


def named(error: Exception, upload: Upload) -> str:
    """What went wrong, with the stranger's name of the file in place of ours."""
    text = str(error)
    for picture in upload.pictures[:1]:
        text = text.replace(str(picture.with_name(picture.name.partition("#")[0])), upload.name)
    return text
