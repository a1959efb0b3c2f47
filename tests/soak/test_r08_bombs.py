"""R8: files that claim far more than they hold, each in a process of its own."""

import json
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("pydicom", reason="the extra nerveceg[dicom] isn't installed")
pytest.importorskip("av", reason="the extra nerveceg[video] isn't installed")

MUTANTS = runpy.run_path(str(Path(__file__).parents[1] / "mutants.py"))
READ = """\
import json, resource, sys, time
from nerveceg.data.frames import find_frames
from nerveceg.data.images import read_image
from nerveceg.errors import DataError
import av, numpy, pydicom.pixels.utils, PIL.Image
PIL.Image.init()
most = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
path, said = sys.argv[1], None
before, begun = most(), time.process_time()
try:
    [read_image(frame.image) for frame in find_frames(path)]
except DataError as error:
    said = str(error)
print(json.dumps([said, time.process_time() - begun, most() - before]))
"""


def test_bombs_are_refused_at_once_and_take_no_memory(tmp_path, figure):
    seconds, megabytes = [], []
    for name, content in MUTANTS["bombs"]():
        path = tmp_path / name
        path.write_bytes(content)
        done = subprocess.run(
            [sys.executable, "-c", READ, path],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        said, spent, grown = json.loads(done.stdout)
        assert said is not None, f"{name} was read"
        assert str(path) in said
        assert spent < 0.1, name
        assert grown < 200, name
        seconds.append(spent)
        megabytes.append(grown)
    figure(
        "R8",
        f"{len(seconds)} bombs refused: slowest {max(seconds):.3f} s, at most "
        f"{max(megabytes):.0f} MB more memory",
    )
