"""The guard of `make offline`: loopback works, everything else isn't there."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

GUARD = Path(__file__).parent / "offline"
LISTEN = "import socket; s = socket.create_server(('127.0.0.1', 0)); "


@pytest.mark.parametrize(
    ("code", "blocked"),
    [
        (f"{LISTEN}socket.create_connection(s.getsockname())", False),
        ("import socket; socket.getaddrinfo('localhost', 80)", False),
        ("import socket; socket.create_connection(('192.0.2.1', 80))", True),
        ("import socket; socket.getaddrinfo('example.invalid', 443)", True),
        ("import socket; socket.socket(type=2).sendto(b'x', ('192.0.2.1', 53))", True),
    ],
    ids=["loopback", "localhost", "address", "name", "datagram"],
)
def test_everything_but_loopback_is_refused_and_noted(code, blocked, tmp_path):
    tried = tmp_path / "tried"
    environment = {**os.environ, "PYTHONPATH": str(GUARD), "NERVECEG_TRIED": str(tried)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert ("offline: " in done.stderr) == blocked == tried.is_file()
    assert (done.returncode != 0) == blocked, done.stderr
