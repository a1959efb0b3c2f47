"""The tool that serves the page: it starts on a saved run, and leaves nothing when it is ended."""

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from nerveceg.tools import app

ROOT = Path(__file__).parents[1]


def test_a_filter_on_a_run_that_is_not_calibrated_is_refused_in_one_line(run, pipeline, tmp_path):
    pipeline.save_pretrained(tmp_path / "saved")
    status, _, errors = run(app, "checkpoint=saved", "temporal=exponential", "runtime.device=cpu")
    assert status == 2
    assert errors.splitlines()[-1].startswith("error: temporal=")
    assert "isn't calibrated" in errors


@pytest.mark.slow
def test_the_page_is_served_until_the_process_is_told_to_end(pipeline, tmp_path):
    pytest.importorskip("gradio")
    pipeline.save_pretrained(tmp_path / "saved")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["checkpoint=saved", f"app.port={port}", "runtime.device=cpu"]
    served = subprocess.Popen(
        [sys.executable, ROOT / "tools/app.py", *words],
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(temporary)},
        stderr=subprocess.PIPE,
        text=True,
    )
    told = served.stderr.readline()
    assert re.match(rf"http://127\.0\.0\.1:{port}/? shows the page", told), told
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/") as page:  # noqa: S310
        assert b"NerveCeg: saved" in page.read()
    served.send_signal(signal.SIGTERM)
    assert served.wait(30) == 0
    assert not list(temporary.glob("nerveceg-app-*"))
