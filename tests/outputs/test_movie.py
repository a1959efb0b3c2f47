from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nerveceg.data.sources import clips
from nerveceg.outputs.movie import write_movie
from nerveceg.outputs.notice import RESEARCH_USE


@pytest.fixture
def movie(tmp_path: Path) -> Path:
    av = pytest.importorskip("av", reason="the extra nerveceg[video] isn't installed")
    del av
    greys = [np.full((49, 65, 3), 20 * place, dtype=np.uint8) for place in range(6)]
    write_movie(tmp_path / "a.mp4", map(Image.fromarray, greys), rate=12.5)
    return tmp_path / "a.mp4"


def test_a_movie_has_a_picture_for_each_given(movie: Path) -> None:
    import cv2

    found = cv2.VideoCapture(str(movie))

    for place in range(6):
        there, picture = found.read()
        assert there
        assert picture.shape[1] == 66
        assert picture.shape[0] % 2 == 0
        assert picture[:47, :64].mean() == pytest.approx(20 * place, abs=3)
        assert picture[50:].max() > 100, "the notice"
    assert not found.read()[0]
    assert clips.count(movie) == 6


def test_a_movie_runs_at_its_rate_and_says_what_it_is_for(movie: Path) -> None:
    import av

    assert clips.rate(movie) == pytest.approx(12.5)
    with av.open(movie) as container:
        assert container.metadata["comment"] == RESEARCH_USE
        assert container.streams.video[0].codec_context.pix_fmt == "yuv420p"
