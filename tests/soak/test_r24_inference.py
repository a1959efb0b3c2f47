"""R24: predicting 5,508 frames, Kaggle's test set, takes no more memory than a batch."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

FRAMES = 5508
MOST = 2 * 2**30
PROGRAM = """
import resource, sys
from pathlib import Path
from nerveceg.data.frames import find_frames
from nerveceg.inference import predict_frames
from nerveceg.pipeline import Pipeline
frames, seen = find_frames(Path(sys.argv[2])), []
pipeline = Pipeline.from_pretrained(sys.argv[1])
predict_frames(pipeline, frames, watch=lambda *_: seen.append(1), progress=False)
print(len(seen), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


@pytest.fixture
def many(frames, tmp_path):
    """A folder of 5,508 frames: links to thirty."""
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(FRAMES):
        os.link(frames[number % len(frames)].image, folder / f"{number + 1}.tif")
    return folder


def test_kaggles_test_set_is_predicted_within_two_gigabytes(pipeline, many, tmp_path, figure):
    pipeline.save_pretrained(tmp_path / "run")
    said = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "run"), str(many)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    ).stdout
    predicted, most = map(int, said.split())
    assert predicted == FRAMES
    assert most <= MOST
    figure("R24", f"inference of {predicted:,} frames: at most {most / 2**20:,.0f} MB resident")
