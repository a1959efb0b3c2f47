"""What stands before the page's server: nothing is fetched from elsewhere, nor shown elsewhere."""

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

PAGE_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "media-src 'self' blob:; worker-src 'self' blob:; connect-src 'self'; object-src 'none'; "
    "base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
FILE_POLICY = "default-src 'none'; sandbox"
"""Of files that strangers brought: they are inert, whatever they hold."""

_FILES = re.compile(r"^(/gradio_api)?/file[=/]")
_ELSEWHERE = re.compile(
    r"^(/gradio_api)?/(proxy=|file=\s*[a-z][a-z0-9+.-]*:|deep_link|process_recording|monitoring|"
    r"custom_component/|dev/|vibe-|undo-vibe|token|login)",
    re.IGNORECASE,
)
"""Doors of Gradio that this page doesn't use: other servers' files, recordings, development."""

_ADDRESS = re.compile(r"\s*[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_MOST_BYTES = 1_000_000
"""Of a call; files come by another way."""


class Guard:
    """An ASGI middleware: closes unused doors, and tells browsers to load from here alone.

    A call that names a file by an address elsewhere is refused: Gradio would fetch it.
    """

    def __init__(self, app: "ASGIApp") -> None:
        self._app = app

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Pass a request on, or answer that there is nothing."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if _ELSEWHERE.match(scope["path"]):
            await _refuse(send)
            return
        if _is_call(scope):
            body = await _body_of(receive)
            if body is None or _names_address(body):
                await _refuse(send)
                return
            receive = _once_more(body, receive)
        policy = FILE_POLICY if _FILES.match(scope["path"]) else PAGE_POLICY

        async def answer(message: "Message") -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_headers(policy)]
            await send(message)

        await self._app(scope, receive, answer)


def _is_call(scope: "Scope") -> bool:
    kind = dict(scope["headers"]).get(b"content-type", b"")
    return scope["method"] == "POST" and not kind.startswith(b"multipart/")


async def _body_of(receive: "Receive") -> bytes | None:
    """The whole body of a request; None: it is too long, or the other side has gone."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if message["type"] != "http.request" or len(body) > _MOST_BYTES:
            return None
    return body


def _once_more(body: bytes, receive: "Receive") -> "Receive":
    """Gives the body that was read already, then what comes after it."""
    left = [body]

    async def again() -> "Message":
        if left:
            return {"type": "http.request", "body": left.pop(), "more_body": False}
        return await receive()

    return again


def _names_address(body: bytes) -> bool:
    try:
        return _has_address(json.loads(body))
    except (ValueError, RecursionError):
        return False  # no JSON: Gradio answers that it isn't


def _has_address(value: Any) -> bool:
    if isinstance(value, dict):
        path = value.get("path")
        named = isinstance(path, str) and _ADDRESS.match(path) is not None
        return named or any(map(_has_address, value.values()))
    return isinstance(value, list) and any(map(_has_address, value))


def _headers(policy: str) -> list[tuple[bytes, bytes]]:
    return [
        (b"content-security-policy", policy.encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"no-referrer"),
    ]


async def _refuse(send: "Send") -> None:
    await send({"type": "http.response.start", "status": 404, "headers": _headers(FILE_POLICY)})
    await send({"type": "http.response.body", "body": b"not found"})
