import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nerveceg.data.coco import read_coco
from nerveceg.data.frames import find_frames
from nerveceg.data.images import read_mask
from nerveceg.data.presence import is_present
from nerveceg.errors import DataError

SQUARE = [2.0, 1.0, 6.0, 1.0, 6.0, 4.0, 2.0, 4.0]


def labels(**changes: Any) -> dict[str, Any]:
    return {
        "images": [
            {"id": 7, "file_name": "a.png", "height": 8, "width": 10},
            {"id": 9, "file_name": "P2/b.png", "height": 8, "width": 10},
        ],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 1, "segmentation": [SQUARE]},
            {"id": 2, "image_id": 7, "category_id": 2, "segmentation": [[0, 6, 3, 6, 3, 8, 0, 8]]},
        ],
        "categories": [{"id": 1, "name": "nerve"}, {"id": 2, "name": "artery"}],
    } | changes


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "P2").mkdir()
    for name in ("a.png", "P2/b.png"):
        Image.fromarray(np.zeros((8, 10), dtype=np.uint8)).save(tmp_path / name)
    return tmp_path


def write(folder: Path, content: dict[str, Any]) -> Path:
    (folder / "labels.json").write_text(json.dumps(content), encoding="utf-8")
    return folder / "labels.json"


def test_outlines_become_masks_and_images_without_one_show_no_nerve(folder: Path) -> None:
    frames = find_frames(folder, table=write(folder, labels()))

    first, second = frames[1], frames[0]
    wanted = np.zeros((8, 10), dtype=np.bool_)
    wanted[1:4, 2:6] = True
    wanted[6:8, 0:3] = True
    assert [(first.id, first.subject), (second.id, second.subject)] == [("a", ""), ("P2/b", "P2")]
    np.testing.assert_array_equal(read_mask(first, (8, 10)), wanted)
    assert not is_present(second)
    assert first.groups == {}


@pytest.mark.parametrize("category", ["nerve", 1])
def test_a_category_leaves_out_the_others(folder: Path, category: str | int) -> None:
    frames = find_frames(folder, table=write(folder, labels()), category=category)

    assert read_mask(frames[1], (8, 10)).sum() == 12


def test_runs_are_read_plain_and_packed(folder: Path) -> None:
    wanted = np.zeros((8, 10), dtype=np.bool_)
    wanted[1:4, 2:6] = True
    plain = [17, 3, 5, 3, 5, 3, 5, 3, 36]
    # pycocotools 2.0: mask.encode(np.asfortranarray(wanted))["counts"]
    for counts in (plain, "a03500000o0"):
        runs = {"size": [8, 10], "counts": counts}
        one = {"id": 1, "image_id": 7, "category_id": 1, "segmentation": runs}
        frames = find_frames(folder, table=write(folder, labels(annotations=[one])))

        np.testing.assert_array_equal(read_mask(frames[1], (8, 10)), wanted)


def test_outlines_of_another_size_are_refused(folder: Path) -> None:
    images = [{"id": 7, "file_name": "a.png", "height": 80, "width": 100}]

    with pytest.raises(DataError, match="image 1: .*80 rows x 100 columns, .*a.png 8 x 10"):
        find_frames(folder, table=write(folder, labels(images=images)))


def annotation(segmentation: Any, image: int = 7) -> dict[str, Any]:
    one = {"id": 1, "image_id": image, "category_id": 1, "segmentation": segmentation}
    return {"annotations": [one]}


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"images": {}}, "lists called images and annotations"),
        ({"images": []}, "annotations of image 7, which it doesn't list"),
        ({"images": [], "annotations": []}, "lists no images"),
        ({"annotations": [{"id": 1}]}, "annotations image_id"),
        (annotation([SQUARE], image=8), "annotations of image 8"),
        (annotation([[1, 2, 3, 4]]), "image 1: a.png: a polygon has 4 numbers"),
        (annotation([[1, 2, 3, 4, 5]]), "a polygon has 5 numbers"),
        (annotation([[1, 2, 3, 4, 5, 1e12]]), "far outside 8 x 10"),
        (annotation([[1, 2, 3, 4, 5, "x"]]), "image 1: a.png"),
        (annotation({"size": [8, 10], "counts": [3, 4]}), "don't make up 8 x 10"),
        (annotation({"size": [8, 9], "counts": [72]}), r"of \[8, 9\] pixels"),
        (annotation({"size": [8, 10], "counts": "o"}), "cut short"),
        ({"images": [{"id": 7, "file_name": "a.png"}]}, "'height' is missing"),
        ({"images": [{"id": 7, "file_name": "no.png", "height": 8, "width": 9}]}, "is no file in"),
    ],
)
def test_a_wrong_file_is_refused_in_one_line(
    folder: Path, changes: dict[str, Any], complaint: str
) -> None:
    table = write(folder, labels(**changes))

    with pytest.raises(DataError, match=complaint) as caught:
        find_frames(folder, table=table)

    assert str(table) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_category_is_answered_with_those_there_are(folder: Path) -> None:
    with pytest.raises(DataError, match="no category vein .*it has nerve, artery"):
        read_coco(write(folder, labels()), category="vein")


def test_what_is_no_json_is_refused(folder: Path) -> None:
    (folder / "labels.json").write_text("image,mask\n", encoding="utf-8")

    with pytest.raises(DataError, match="is no JSON file"):
        read_coco(folder / "labels.json")
