"""The page's server: on this computer, in a folder of its own that goes when it goes."""

import errno
import logging
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from nerveceg.errors import NerveCegError
from nerveceg.outputs.app.desk import Desk
from nerveceg.outputs.app.examples import make_examples
from nerveceg.outputs.app.guard import Guard
from nerveceg.outputs.app.page import STYLE, make_page
from nerveceg.outputs.app.service import Service
from nerveceg.outputs.app.settings import PageSettings

if TYPE_CHECKING:
    from starlette.middleware import Middleware

_OFFLINE = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "GRADIO_SHARE": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}
_SYSTEM_FONTS = ("system-ui", "sans-serif")
_CODE_FONTS = ("ui-monospace", "monospace")


@contextmanager
def serve(service: Service, *, settings: PageSettings, run: str) -> Iterator[str]:
    """Serve the page while the block runs; gives its address. Its files are deleted at the end.

    run: what the trained run is called.

    Raises:
        NerveCegError: the extra is missing, or the port is taken.
    """
    _require_free(settings)
    folder = Path(tempfile.mkdtemp(prefix="nerveceg-app-"))
    try:
        with _environment({**_OFFLINE, "GRADIO_TEMP_DIR": str(folder / "served")}):
            _require_gradio()
            examples = make_examples(folder / "examples")
            desk = Desk(service, settings=settings, examples=examples, folder=folder)
            with _launched(desk, run) as address:
                yield address
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _launched(desk: Desk, run: str) -> Iterator[str]:
    import gradio as gr

    settings = desk.settings
    page = make_page(desk, run=run)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # Gradio asks itself whether it runs
    _, address, _ = page.launch(
        server_name=settings.host,
        server_port=settings.port,
        max_file_size=settings.largest_bytes,
        app_kwargs={"middleware": _middleware(settings)},
        theme=gr.themes.Base(primary_hue="sky", font=_SYSTEM_FONTS, font_mono=_CODE_FONTS),
        css=STYLE.read_text(encoding="utf-8"),
        footer_links=[],
        share=False,
        inbrowser=False,
        quiet=True,
        prevent_thread_lock=True,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        run_history=False,
        enable_monitoring=False,
        state_session_capacity=settings.sessions,
    )
    try:
        yield address
    finally:
        page.close(verbose=False)


def _middleware(settings: PageSettings) -> "list[Middleware]":
    """What each request passes before Gradio sees it."""
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    # A page elsewhere could otherwise reach this one under a name that it resolves to loopback.
    hosts = ["localhost", "127.0.0.1"] if settings.private else ["*"]
    return [Middleware(TrustedHostMiddleware, allowed_hosts=hosts), Middleware(Guard)]


def _require_gradio() -> None:
    try:
        import gradio  # noqa: F401
    except ImportError:
        raise NerveCegError("the page wants an extra, pip install 'nerveceg[app]'") from None


def _require_free(settings: PageSettings) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            strange = isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL
            raise NerveCegError(
                f"app.host={settings.host} app.port={settings.port}: {error.strerror}; "
                + (
                    "app.host=127.0.0.1 is this computer"
                    if strange
                    else "app.port=OTHER takes another"
                )
            ) from None


@contextmanager
def _environment(wanted: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
