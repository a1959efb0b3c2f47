from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nerveceg.outputs.notice import LINE, RESEARCH_USE, with_notice, write_png


@pytest.mark.parametrize(("width", "lines"), [(800, 1), (200, 3), (20, 11)])
def test_the_notice_lies_below_the_picture_and_leaves_it_alone(width: int, lines: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (30, width, 3), dtype=np.uint8)

    whole = np.asarray(with_notice(Image.fromarray(pixels)))

    assert np.array_equal(whole[:30], pixels)
    written = whole[30:].any(axis=(1, 2)).reshape(-1, LINE).any(axis=1)
    assert written.all()
    assert len(written) == pytest.approx(lines, abs=1 if lines > 1 else 0)
    assert lines < 11 or len(written) == len(RESEARCH_USE.split())


def test_a_written_picture_says_what_it_is_for(tmp_path: Path) -> None:
    picture = Image.fromarray(np.full((4, 5, 3), 7, np.uint8))

    write_png(tmp_path / "a" / "b.png", picture)

    with Image.open(tmp_path / "a" / "b.png") as again:
        assert again.text["Comment"] == RESEARCH_USE
        assert np.array_equal(np.asarray(again), np.asarray(picture))
