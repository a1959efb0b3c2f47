import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nerveceg.data.frames import find_frames
from nerveceg.data.images import digest_of, read_image
from nerveceg.data.reading import Reader
from nerveceg.data.sources import clips, limits
from nerveceg.errors import DataError

Write = Callable[..., Path]


@pytest.fixture
def pictures() -> Any:
    return np.random.default_rng(0).integers(0, 256, (12, 48, 64), dtype=np.uint8)


def test_the_pictures_of_a_clip_come_as_they_were_written(
    tmp_path: Path, write_clip: Write, pictures: Any
) -> None:
    write_clip(tmp_path / "12_3.avi", pictures)

    frames = find_frames(tmp_path)

    assert [frame.id for frame in frames] == [f"12_3#{place:03d}" for place in range(12)]
    assert {frame.subject for frame in frames} == {"12"}
    assert len({digest_of(frame.image) for frame in frames}) == 12
    for frame, picture in zip(frames, pictures, strict=True):
        np.testing.assert_array_equal(read_image(frame.image), picture)


def test_pictures_can_be_read_in_any_order(
    tmp_path: Path, write_clip: Write, pictures: Any
) -> None:
    file = write_clip(tmp_path / "a.avi", pictures)

    for place in (7, 2, 2, 11, 0, 1):
        np.testing.assert_array_equal(clips.read(file, place), pictures[place])


def test_mp4_is_what_opencv_decodes(tmp_path: Path, write_clip: Write) -> None:
    import cv2

    ramp = np.linspace(0, 255, 64).astype(np.uint8)
    pictures = np.stack([np.roll(np.tile(ramp, (48, 1)), 3 * k, axis=1) for k in range(9)])
    file = write_clip(tmp_path / "a.mp4", pictures, codec="libx264")
    other = cv2.VideoCapture(str(file))

    for place in range(9):
        found, picture = other.read()
        assert found
        grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY).astype(int)
        np.testing.assert_allclose(clips.read(file, place).astype(int), grey, atol=2)
    assert clips.count(file) == 9


def test_workers_read_what_one_process_reads(
    tmp_path: Path, write_clip: Write, pictures: Any
) -> None:
    write_clip(tmp_path / "a.avi", pictures)
    frames = find_frames(tmp_path)
    read_image(frames[3].image)  # opens the clip before the workers start

    reader = Reader(frames, batch_size=2, truth=False, workers=2)
    read = [reading.image for readings in reader for reading in readings]

    np.testing.assert_array_equal(np.stack(read), pictures)


def test_a_changed_clip_is_read_anew(tmp_path: Path, write_clip: Write, pictures: Any) -> None:
    file = write_clip(tmp_path / "a.avi", pictures)
    clips.read(file, 0)

    write_clip(file, pictures[3:])

    assert clips.count(file) == 9
    np.testing.assert_array_equal(clips.read(file, 0), pictures[3])


def test_a_clip_of_too_many_pictures_is_refused(
    tmp_path: Path, write_clip: Write, pictures: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write_clip(tmp_path / "a.avi", pictures)
    monkeypatch.setattr(clips, "MOST_PICTURES", 11)

    with pytest.raises(DataError, match="more than 11 pictures, cut it into shorter clips"):
        read_image(file)
    assert limits.MOST_PICTURES < 100_000


def test_a_clip_of_giant_pictures_is_refused_undecoded(
    tmp_path: Path, write_clip: Write, pictures: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write_clip(tmp_path / "a.avi", pictures)
    monkeypatch.setattr(clips, "MOST_PIXELS", 100)

    with pytest.raises(DataError, match="claims 64 x 48 pixels, at most 100"):
        read_image(file)


def test_an_empty_clip_is_refused(tmp_path: Path, write_clip: Write, pictures: Any) -> None:
    import av

    file = tmp_path / "a.mp4"
    with av.open(file, "w") as container:
        stream: Any = container.add_stream("aac", rate=8000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        sound.sample_rate = 8000
        container.mux(stream.encode(sound))
        container.mux(stream.encode())

    with pytest.raises(DataError, match="a clip without pictures"):
        read_image(file)


@pytest.mark.parametrize("content", [b"", b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", b"x" * 999])
def test_what_is_no_clip_is_never_opened_as_one(tmp_path: Path, content: bytes) -> None:
    pytest.importorskip("av", reason="the extra nerveceg[video] isn't installed")
    file = tmp_path / "a.mp4"
    file.write_bytes(content)

    with pytest.raises(DataError, match="no MP4 or AVI clip"):
        read_image(find_frames(file)[0].image)


def test_a_clip_cut_short_is_read_as_far_as_it_goes(
    tmp_path: Path, write_clip: Write, pictures: Any
) -> None:
    file = write_clip(tmp_path / "a.avi", pictures)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])

    reader = Reader(find_frames(file), batch_size=4, truth=False, on_error="skip")
    read = [reading.image for readings in reader for reading in readings]

    assert 3 < len(read) < 12
    np.testing.assert_array_equal(np.stack(read[:3]), pictures[:3])


def test_without_the_extra_its_name_is_told(
    tmp_path: Path, write_clip: Write, pictures: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write_clip(tmp_path / "a.avi", pictures)
    monkeypatch.setitem(sys.modules, "av", None)

    with pytest.raises(DataError, match=r"pip install 'nerveceg\[video\]'"):
        read_image(file)
