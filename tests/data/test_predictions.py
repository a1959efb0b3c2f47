import numpy as np
import pytest
from PIL import Image

from nerveceg.data.folders import find_masks
from nerveceg.data.frames import Frame
from nerveceg.data.predictions import find_predictions
from nerveceg.data.runlength import encode_runs
from nerveceg.errors import DataError

MASK = np.zeros((6, 8), dtype=bool)
MASK[2:5, 3:6] = True


def write(path, mask=MASK):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(mask.astype(np.uint8) * np.uint8(255)).save(path)


def frame(name):
    return Frame(name, "", None, None)


@pytest.mark.parametrize("name", ["1_1.png", "1_1_mask.png", "1_1_mask.tif", "1_1.bmp"])
def test_a_mask_is_called_like_its_frame_with_or_without_a_word(tmp_path, name):
    write(tmp_path / name)
    found = find_predictions(tmp_path)
    assert found.masks == {"1_1": tmp_path / name}
    assert np.array_equal(found.mask_of(frame("1_1"), MASK.shape), MASK)


def test_sub_folders_are_part_of_the_name(tmp_path):
    write(tmp_path / "ann/1.png")
    write(tmp_path / "bob/1_mask.png")
    assert list(find_predictions(tmp_path).masks) == ["ann/1", "bob/1"]


def test_masks_beside_their_images_are_told_apart_by_the_word(tmp_path):
    for name in ("1_1.tif", "1_1_mask.tif", "1_2.tif", "1_2_mask.tif"):
        write(tmp_path / name)
    names = {key: path.name for key, path in find_masks(tmp_path).items()}
    assert names == {"1_1": "1_1_mask.tif", "1_2": "1_2_mask.tif"}


def test_the_folder_of_an_inference_stands_for_its_masks(tmp_path):
    write(tmp_path / "masks/1_1.png")
    write(tmp_path / "overlays/1_1.png")
    (tmp_path / "predictions.csv").write_text("id,presence\n1_1,0.25\n")
    for source in (tmp_path, tmp_path / "masks"):
        found = find_predictions(source)
        assert list(found.masks) == ["1_1"]
        assert found.presence_of(frame("1_1"), MASK) == 0.25


def test_presence_is_whether_a_mask_has_a_pixel_where_none_is_stated(tmp_path):
    write(tmp_path / "1_1.png")
    found = find_predictions(tmp_path)
    assert found.presence_of(frame("1_1"), MASK) == 1
    assert found.presence_of(frame("1_1"), np.zeros_like(MASK)) == 0


def test_a_strangers_table_takes_no_presence_from_a_neighbour(tmp_path):
    (tmp_path / "theirs.csv").write_text("img,pixels\n1_1,\n")
    (tmp_path / "predictions.csv").write_text("id,presence\n1_1,0.25\n")
    assert find_predictions(tmp_path / "theirs.csv").presence is None


@pytest.mark.parametrize(
    ("head", "row", "name"),
    [
        ("img,pixels", "7", "7"),
        ("img,pixels", "a/7", "a/7"),
        ("subject,img,pixels", "3,7", "a/3_7"),
    ],
)
def test_both_of_kaggles_tables_hold_runs(tmp_path, head, row, name):
    table = tmp_path / "drawn.csv"
    table.write_text(f"{head}\n{row},{encode_runs(MASK)}\n")
    found = find_predictions(table)
    assert np.array_equal(found.mask_of(frame(name), MASK.shape), MASK)


BROKEN = {
    "nothing there": ({}, "nowhere", "nowhere doesn't exist"),
    "no mask in it": ({"d/readme.txt": ""}, "d", "no masks in"),
    "no runs": ({"t.csv": "id,presence\n1_1,1\n"}, "t.csv", "img, pixels"),
    "a frame twice": ({"t.csv": "img,pixels\n1,\n1,\n"}, "t.csv", "line 3: frame 1 stands on line"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_holds_no_masks_is_refused_in_one_line(tmp_path, case):
    files, source, said = BROKEN[case]
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=said) as caught:
        find_predictions(tmp_path / source)
    assert "\n" not in str(caught.value)


def test_two_masks_of_one_frame_are_refused(tmp_path):
    write(tmp_path / "1_1_mask.png")
    write(tmp_path / "1_1_mask.tif")
    with pytest.raises(DataError, match="have one name"):
        find_predictions(tmp_path)


def test_runs_that_leave_the_frame_are_refused_by_line(tmp_path):
    table = tmp_path / "t.csv"
    table.write_text("img,pixels\n1,1 2\n2,40 20\n")
    with pytest.raises(DataError, match=r"t\.csv, line 3: mask of frame 2: run \"40 20\""):
        find_predictions(table).mask_of(frame("2"), MASK.shape)


@pytest.mark.parametrize("word", ["", "high", "1.5", "nan", "-0.1"])
def test_a_presence_that_is_no_share_is_refused(tmp_path, word):
    write(tmp_path / "1_1.png")
    (tmp_path / "predictions.csv").write_text(f"id,presence\n1_1,{word}\n")
    with pytest.raises(DataError, match=r"line 2: presence is .*\[0, 1\] is wanted"):
        find_predictions(tmp_path).presence_of(frame("1_1"), MASK)


def test_a_table_of_presence_without_the_frame_is_refused(tmp_path):
    write(tmp_path / "1_1.png")
    (tmp_path / "predictions.csv").write_text("id,presence\n1_2,1\n")
    with pytest.raises(DataError, match=r"predictions\.csv has no row of frame 1_1"):
        find_predictions(tmp_path).presence_of(frame("1_1"), MASK)
