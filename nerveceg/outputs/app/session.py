"""What one browser looks at: a file, one picture of it, and what the networks said of that."""

import re
import secrets
import shutil
import threading
from collections import OrderedDict
from pathlib import Path
from typing import NamedTuple

from nerveceg.decision import Rule
from nerveceg.errors import DataError, NerveCegError
from nerveceg.explanation import Explanation
from nerveceg.outputs.app.service import Answer, Seen, Service
from nerveceg.outputs.app.uploads import Upload, named
from nerveceg.outputs.masks import write_mask
from nerveceg.outputs.notice import RESEARCH_USE
from nerveceg.outputs.overlays import draw_overlay


class Downloads(NamedTuple):
    """Files of one answer."""

    mask: Path
    overlay: Path


class Session:
    """One file and one picture at a time, so that a session's memory is that of one frame.

    downloads: a folder that the server serves files from; this session's go below it.
    """

    def __init__(self, service: Service, *, downloads: Path) -> None:
        self.upload: Upload | None = None
        self.place = 0
        self.seen: Seen | None = None
        # Two events of one browser may come at a time: a click, and the one before still at work.
        self.lock = threading.RLock()
        self._service = service
        self._downloads = downloads / secrets.token_hex(16)
        self._smooth: list[float] | None = None
        self._heat: Explanation | None = None

    def open(self, upload: Upload, *, place: int = 0) -> None:
        """Look at a picture of a file, counted from 0; the file before is deleted.

        Raises:
            DataError: a picture can't be read; the file is deleted.
        """
        self.close()
        self.upload = upload
        try:
            self._smooth = self._service.smooth(upload.pictures)
            self.turn_to(place)
        except NerveCegError as error:
            self.close()
            raise DataError(named(error, upload)) from None

    def turn_to(self, place: int) -> None:
        """Look at another picture of the file, counted from 0; the networks run.

        Raises:
            DataError: it can't be read.
        """
        if self.upload is None:
            return
        self.seen = self._heat = None
        self.place = min(max(place, 0), len(self.upload.pictures) - 1)
        presence = None if self._smooth is None else self._smooth[self.place]
        try:
            self.seen = self._service.look_at(self.upload.pictures[self.place], presence=presence)
        except DataError as error:
            raise DataError(named(error, self.upload)) from None

    @property
    def smoothed(self) -> bool:
        """Whether presence is that of the whole clip's frames."""
        return self._smooth is not None

    @property
    def count(self) -> int:
        """Pictures of the file."""
        return 0 if self.upload is None else len(self.upload.pictures)

    def answer(self, rule: Rule) -> Answer | None:
        """What the rule says of the picture; None: there is none."""
        return None if self.seen is None else self._service.answer(self.seen, rule)

    def explain(self) -> Explanation | None:
        """Heat maps of the picture, made once; None: there is no picture."""
        if self.seen is not None and self._heat is None:
            self._heat = self._service.explain(self.seen)
        return self._heat

    def write(self, answer: Answer) -> Downloads:
        """Write the files of an answer; those of the one before are deleted."""
        assert self.upload is not None  # noqa: S101
        assert self.seen is not None  # noqa: S101
        shutil.rmtree(self._downloads, ignore_errors=True)
        # Another path for each answer, or a browser would show the one before from its memory.
        folder = self._downloads / secrets.token_hex(8)
        stem = _file_stem(self.upload, self.place)
        files = Downloads(folder / f"{stem}_mask.png", folder / f"{stem}_overlay.png")
        write_mask(files.mask, answer.mask)
        caption = f"presence {answer.presence:.2f}   {RESEARCH_USE}"
        draw_overlay(self.seen.image, answer.mask, None, caption=caption).save(files.overlay)
        return files

    def close(self) -> None:
        """Delete the file and all that was made of it."""
        with self.lock:
            if self.upload is not None:
                self.upload.delete()
            shutil.rmtree(self._downloads, ignore_errors=True)
            self.upload = self.seen = self._smooth = self._heat = None
            self.place = 0


class Sessions:
    """The sessions of some browsers by their ids; of too many, the longest unused is closed."""

    def __init__(self, service: Service, *, downloads: Path, most: int) -> None:
        self._service = service
        self._downloads = downloads
        self._most = most
        self._by_id: OrderedDict[str, Session] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._by_id)

    def of(self, browser: str) -> Session:
        """The session of a browser, a new one if it has none."""
        with self._lock:
            session = self._by_id.setdefault(browser, self.new())
            self._by_id.move_to_end(browser)
            beyond = len(self._by_id) > self._most
            oldest = self._by_id.popitem(last=False)[1] if beyond else None
        if oldest is not None:
            oldest.close()
        return session

    def new(self) -> Session:
        """A session that belongs to no browser."""
        return Session(self._service, downloads=self._downloads)

    def close(self, browser: str) -> None:
        """Forget a browser that has gone."""
        with self._lock:
            session = self._by_id.pop(browser, None)
        if session is not None:
            session.close()


def _file_stem(upload: Upload, place: int) -> str:
    """A file name that is one under any system, from a stranger's."""
    stem = re.sub(r"[^A-Za-z0-9_-]+", "_", Path(upload.name).stem).strip("_") or "frame"
    return stem if len(upload.pictures) == 1 else f"{stem}_{place + 1:03d}"
