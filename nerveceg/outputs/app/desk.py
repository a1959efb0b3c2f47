"""What happens at each event of the page: files and controls in, what is to be shown out."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from nerveceg.errors import NerveCegError
from nerveceg.outputs.app.answer_card import EMPTY, answer_html, complaint_html, picture_html
from nerveceg.outputs.app.rules import Controls, rule_from
from nerveceg.outputs.app.service import Answer, Service
from nerveceg.outputs.app.session import Downloads, Session, Sessions
from nerveceg.outputs.app.settings import PageSettings
from nerveceg.outputs.app.uploads import Upload, take_upload
from nerveceg.outputs.notice import RESEARCH_USE

_MINUTE = 60.0


class Shown(NamedTuple):
    """What the page shows after an event."""

    place: int
    pictures: int
    """of the file; 0: there is none"""
    complaint: str = ""
    picture: str = EMPTY
    answer: str = ""
    """these three as HTML"""
    downloads: Downloads | None = None


class Desk:
    """The page's events; each answers what to show, a mistake in one sentence.

    folder: the server's own; what is in `served` below it can be fetched by whoever knows its name.
    """

    def __init__(
        self,
        service: Service,
        *,
        settings: PageSettings,
        examples: Sequence[Upload],
        folder: Path,
    ) -> None:
        self.service = service
        self.settings = settings
        self.examples = examples
        self.served = folder / "served"
        self._kept = folder / "kept"
        self.sessions = Sessions(service, downloads=self.served, most=settings.sessions)

    def open_file(
        self, session: Session, file: Path | str, controls: Controls, explain: bool
    ) -> Shown:
        """Show an uploaded file; it is moved away from where it was uploaded to."""

        def open_it() -> None:
            session.close()
            session.open(self._take(Path(file)))

        return self._guarded(session, controls, explain, open_it)

    def open_example(
        self, session: Session, number: int, controls: Controls, explain: bool
    ) -> Shown:
        """Show an example by its number, from 0."""
        return self._guarded(
            session, controls, explain, lambda: session.open(self.examples[number])
        )

    def turn(self, session: Session, number: int, controls: Controls, explain: bool) -> Shown:
        """Show another picture of the file, counted from 1 as people do."""
        return self._guarded(session, controls, explain, lambda: session.turn_to(int(number) - 1))

    def redraw(self, session: Session, controls: Controls, explain: bool) -> Shown:
        """Show the same picture under other controls."""
        return self._guarded(session, controls, explain, lambda: None)

    def predict(self, file: Path, picture: int = 0) -> tuple[dict[str, Any], Path]:
        """The answer to a program: plain values, and the mask's PNG file.

        picture: of a clip, counted from 0.

        Raises:
            NerveCegError: in one sentence, as on the page.
        """
        session = self.sessions.new()
        upload = self._take(file)
        try:
            count = len(upload.pictures)
            if not 0 <= picture < count:
                raise NerveCegError(
                    f"picture={picture}: {upload.name} holds {count}, they count from 0"
                )
            session.open(upload, place=picture)
            answer = session.answer(self.service.pipeline.rule)
            assert answer is not None  # noqa: S101
            files = session.write(answer)
        finally:
            upload.delete()
        files.overlay.unlink()  # not asked for, so nobody would delete it later
        calibrated, smoothed = self.service.calibrated, session.smoothed
        asked = {"file": upload.name, "picture": picture, "pictures": count}
        return {**asked, **_said(answer, calibrated=calibrated, smoothed=smoothed)}, files.mask

    def _take(self, file: Path) -> Upload:
        try:
            return take_upload(file, into=self._kept, settings=self.settings)
        finally:
            if file.parent != self.served:
                with suppress(OSError):  # another upload lies there too
                    file.parent.rmdir()
            self._sweep()

    def _sweep(self) -> None:
        """Remove the empty files that Gradio leaves of uploads that were moved away.

        One that was touched a moment ago may be an upload that is just beginning.
        """
        begun = time.time() - _MINUTE
        for stray in self.served.iterdir():
            with suppress(FileNotFoundError):  # swept by another upload
                found = stray.stat()
                if stray.is_file() and not found.st_size and found.st_mtime < begun:
                    stray.unlink()

    def _guarded(
        self, session: Session, controls: Controls, explain: bool, change: Callable[[], None]
    ) -> Shown:
        try:
            with session.lock:
                change()
                return self._show(session, controls, explain)
        except NerveCegError as error:
            complaint = complaint_html(" ".join(str(error).split()))
            return Shown(session.place, session.count, complaint)

    def _show(self, session: Session, controls: Controls, explain: bool) -> Shown:
        answer = session.answer(rule_from(controls, self.service.pipeline.rule))
        if answer is None or session.seen is None or session.upload is None:
            return Shown(session.place, session.count)
        heat = session.explain() if explain else None
        return Shown(
            session.place,
            session.count,
            picture=picture_html(session.seen, answer, heat),
            answer=answer_html(
                answer,
                session.upload,
                place=session.place,
                calibrated=self.service.calibrated,
                smoothed=session.smoothed,
            ),
            downloads=session.write(answer),
        )


def _said(answer: Answer, *, calibrated: bool, smoothed: bool) -> dict[str, Any]:
    """An answer as plain values."""
    return {
        "presence": answer.presence,
        "calibrated": calibrated,
        "smoothed": smoothed,
        "spread": answer.spread,
        "expected_dice": answer.expected,
        "drawn": answer.drawn,
        "area": int(answer.mask.sum()),
        "why": answer.why,
        "refer": answer.refer,
        "notice": RESEARCH_USE,
    }
