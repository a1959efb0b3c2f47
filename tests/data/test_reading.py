import numpy as np
import pytest
from PIL import Image

from nerveceg.data.frames import Frame
from nerveceg.data.reading import Reader
from nerveceg.errors import DataError


@pytest.fixture
def listed(tmp_path):
    """Seven frames whose grey level is their place; the fourth file is damaged."""
    frames = []
    for place in range(7):
        image, mask = tmp_path / f"1_{place}.png", tmp_path / f"1_{place}_mask.png"
        Image.fromarray(np.full((6 + place, 8), place, np.uint8)).save(image)
        Image.fromarray(np.full((6 + place, 8), 255 * (place % 2), np.uint8)).save(mask)
        frames.append(Frame(f"1_{place}", "1", image, mask))
    frames[3].image.write_bytes(b"no image")
    return frames


def read(reader):
    return [reading for batch in reader for reading in batch]


@pytest.mark.parametrize("workers", [0, 2])
def test_frames_come_in_order_with_their_own_pixels_and_truth(listed, workers):
    frames = listed[:3] + listed[4:]
    reader = Reader(frames, batch_size=2, truth=True, workers=workers)
    readings = read(reader)
    assert [reading.frame for reading in readings] == frames
    for reading in readings:
        place = int(reading.frame.id[2:])
        assert reading.image.shape == reading.truth.shape == (6 + place, 8)
        assert reading.image.dtype == np.uint8
        assert (reading.image == place).all()
        assert (reading.truth == bool(place % 2)).all()
    assert reader.failures == []


def test_batches_are_full_but_for_the_last(listed):
    assert [len(batch) for batch in Reader(listed[4:], batch_size=2, truth=False)] == [2, 1]


def test_a_damaged_file_stops_the_reading_and_the_message_tells_how_to_go_on(listed):
    with pytest.raises(DataError, match="on_error=skip") as caught:
        read(Reader(listed, batch_size=2, truth=True))
    assert "1_3.png" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_damaged_file_is_skipped_and_named_if_wished(listed):
    reader = Reader(listed, batch_size=2, truth=True, on_error="skip")
    assert [reading.frame.id for reading in read(reader)] == [f"1_{k}" for k in (0, 1, 2, 4, 5, 6)]
    assert len(reader.failures) == 1
    assert "1_3.png" in reader.failures[0]
    assert "on_error" not in reader.failures[0]


def test_a_batch_of_damaged_files_alone_is_left_out(listed):
    reader = Reader(listed[3:4], batch_size=2, truth=True, on_error="skip")
    assert list(reader) == []
    assert len(reader.failures) == 1


def test_a_damaged_mask_matters_only_where_the_truth_is_asked_for(listed):
    listed[2].mask.write_bytes(b"no mask")
    with pytest.raises(DataError, match=r"1_2_mask\.png"):
        read(Reader(listed[:3], batch_size=2, truth=True))
    assert all(r.truth is None for r in read(Reader(listed[:3], batch_size=2, truth=False)))


def test_unknown_truth_is_none_and_no_empty_mask(listed):
    unknown = listed[0]._replace(mask=None)
    empty = listed[0]._replace(mask="")
    first, second = read(Reader([unknown, empty], batch_size=2, truth=True))
    assert first.truth is None
    assert second.truth.shape == (6, 8)
    assert not second.truth.any()
