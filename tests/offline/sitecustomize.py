"""No network: every Python that starts with this folder on PYTHONPATH reaches loopback alone.

`make offline` runs the quick tests so, their child processes too. What is tried all the same is
refused as a network that isn't there would, and noted in the file that NERVECEG_TRIED names.
"""

import ipaddress
import os
import socket
import sys

LOCAL = {None, "", "localhost", b"localhost", socket.gethostname()}


def _is_local(host: object) -> bool:
    if host in LOCAL:
        return True
    try:
        address = ipaddress.ip_address(str(host).partition("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if event in ("socket.connect", "socket.sendto"):
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else None  # a Unix socket is local
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host = arguments[0]
    else:
        return
    if not _is_local(host):
        _note(f"{event} {host}")
        raise OSError(f"offline: {event} to {host!r} is blocked")


def _note(line: str) -> None:
    if path := os.environ.get("NERVECEG_TRIED"):
        with open(path, "a", encoding="utf-8") as file:  # noqa: PTH123 - pathlib isn't loaded yet
            file.write(f"{line}   {' '.join(sys.argv[:2])}\n")


sys.addaudithook(_watch)
