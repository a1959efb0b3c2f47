import csv
import pickle
import random
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nerveceg.data.frames import find_frames, natural_key
from nerveceg.data.images import read_image, read_mask
from nerveceg.data.presence import presence_of
from nerveceg.data.runlength import encode_runs
from nerveceg.errors import DataError, NerveCegError

NERVE = np.zeros((6, 8), np.uint8)
NERVE[2:4, 3:6] = 255
EMPTY = np.zeros((6, 8), np.uint8)


def draw(path: Path, pixels=None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((6, 8), 90, np.uint8) if pixels is None else pixels).save(path)
    return path


def write_table(path: Path, *rows) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return path


def ids(frames):
    return [frame.id for frame in frames]


def test_all_frames_of_kaggles_layout_are_found_also_those_that_end_in_0(tmp_path):
    names = [f"{subject}_{k}" for subject in range(1, 48) for k in range(1, 121)][:5635]
    random.Random(0).shuffle(names)  # noqa: S311
    for name in names:
        (tmp_path / f"{name}.tif").touch()
        (tmp_path / f"{name}_mask.tif").touch()
    frames = find_frames(tmp_path)
    assert len(frames) == 5635
    assert ids(frames) == sorted(names, key=lambda name: tuple(map(int, name.split("_"))))
    assert sum(frame.id.endswith("0") for frame in frames) == sum(n.endswith("0") for n in names)
    assert all(frame.subject == frame.id.split("_")[0] for frame in frames)
    assert all(frame.mask == tmp_path / f"{frame.id}_mask.tif" for frame in frames)


def test_test_images_come_in_numeric_order_without_subject_and_truth(tmp_path):
    for k in range(5508, 0, -1):
        (tmp_path / f"{k}.tif").touch()
    frames = find_frames(tmp_path)
    assert ids(frames) == [str(k) for k in range(1, 5509)]
    assert {(frame.subject, frame.mask) for frame in frames} == {("", None)}


def test_natural_order_breaks_ties_of_leading_zeros_the_same_way_always():
    assert sorted(["a01", "a1", "a001"], key=natural_key) == ["a001", "a01", "a1"]
    assert sorted(["x", "10", "9", "1_2", "1_10"], key=natural_key) == [
        "1_2",
        "1_10",
        "9",
        "10",
        "x",
    ]


def test_an_image_without_mask_among_images_with_masks_has_unknown_truth(tmp_path):
    draw(tmp_path / "1_1.tif"), draw(tmp_path / "1_1_mask.tif", NERVE), draw(tmp_path / "1_2.tif")
    assert [frame.mask for frame in find_frames(tmp_path)] == [tmp_path / "1_1_mask.tif", None]


@pytest.mark.parametrize(
    "image", ["a.png", "a.JPG", "a.jpeg", "a.bmp", "a.TIFF", "a.tif", "a b ü.png"]
)
@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp"])
def test_masks_lie_beside_images_under_any_image_suffix(tmp_path, image, suffix):
    draw(tmp_path / image)
    mask = draw(tmp_path / f"{Path(image).stem}_mask{suffix}", NERVE)
    (frame,) = find_frames(str(tmp_path))
    assert frame[:4] == (Path(image).stem, "", tmp_path / image, mask)


@pytest.mark.parametrize("name", ["3", "3_mask"])
@pytest.mark.parametrize("inside", [True, False])
def test_masks_lie_in_a_second_folder_with_or_without_mask_in_the_name(tmp_path, name, inside):
    images = tmp_path / "images"
    masks = images / "masks" if inside else tmp_path / "masks"
    draw(images / "s1/3.jpg"), draw(masks / f"s1/{name}.png", NERVE), draw(images / "s1/4.jpg")
    first, second = find_frames(images, mask_folder=masks)
    assert first[:4] == ("s1/3", "s1", images / "s1/3.jpg", masks / f"s1/{name}.png")
    assert second.mask is None


def test_the_image_folder_itself_as_mask_folder_means_masks_beside_images(tmp_path):
    draw(tmp_path / "1_1.tif"), draw(tmp_path / "1_1_mask.tif", NERVE)
    assert find_frames(tmp_path, mask_folder=tmp_path) == find_frames(tmp_path)


def test_a_sub_folder_is_the_subject(tmp_path):
    draw(tmp_path / "anna/1_1.png"), draw(tmp_path / "bert/sweep/1_1.png")
    frames = find_frames(tmp_path)
    assert [(f.id, f.subject) for f in frames] == [("anna/1_1", "anna"), ("bert/sweep/1_1", "bert")]


@pytest.mark.parametrize("pattern", [r"P(\d+)", r"(?P<subject>\d+)(_)", r"/P(\d+)_.*\.png$"])
def test_a_pattern_finds_the_subject_and_comes_before_the_sub_folder(tmp_path, pattern):
    draw(tmp_path / "x/P07_left.png")
    assert find_frames(tmp_path, subject_pattern=pattern)[0].subject == "07"


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("(", "no regular expression"),
        (r"\d+", "0 groups"),
        (r"(\d)(\d)", "2 groups"),
    ],
)
def test_a_pattern_that_leaves_the_group_open_is_refused(tmp_path, pattern, words):
    draw(tmp_path / "P07.png")
    with pytest.raises(NerveCegError, match=words) as error:
        find_frames(tmp_path, subject_pattern=pattern)
    assert pattern in str(error.value)


@pytest.mark.parametrize("pattern", [r"Q(\d+)", "P(x)?", "P(x*)"])
def test_where_a_pattern_finds_nothing_the_subject_is_unknown(tmp_path, pattern):
    draw(tmp_path / "P07.png")
    assert find_frames(tmp_path, subject_pattern=pattern)[0].subject == ""


def test_hidden_files_other_files_and_a_mac_archive_s_leftovers_are_passed_over(tmp_path):
    for name in ("1_1.png", ".2_1.png", "._1_1.png", ".cache/3_1.png"):
        draw(tmp_path / name)
    for name in ("notes.txt", "train_masks.csv", "Thumbs.db", "1_1"):
        (tmp_path / name).write_text("x")
    assert ids(find_frames(tmp_path)) == ["1_1"]


def test_linked_folders_are_followed_and_a_loop_ends(tmp_path):
    draw(tmp_path / "elsewhere/1_1.png"), draw(tmp_path / "data/2_1.png")
    (tmp_path / "data/linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere/back").symlink_to(tmp_path / "data")
    (tmp_path / "shortcut").symlink_to(tmp_path / "data")
    assert ids(find_frames(tmp_path / "data")) == ["2_1", "linked/1_1"]
    assert ids(find_frames(tmp_path / "shortcut")) == ["2_1", "linked/1_1"]


def test_one_file_is_one_frame_with_its_mask_whatever_else_lies_there(tmp_path):
    draw(tmp_path / "1_12.tif"), draw(tmp_path / "1_12_mask.tif", NERVE)
    draw(tmp_path / "9_9_mask.tif"), draw(tmp_path / "1_1.tif")
    (frame,) = find_frames(tmp_path / "1_12.tif")
    assert frame[:4] == ("1_12", "1", tmp_path / "1_12.tif", tmp_path / "1_12_mask.tif")


@pytest.mark.parametrize("wild", ["1_*.tif", "[1]_?.tif", "1_*"])
def test_a_glob_names_frames_and_their_masks_come_along(tmp_path, wild):
    for name in ("1_1", "1_2", "2_1"):
        draw(tmp_path / f"{name}.tif"), draw(tmp_path / f"{name}_mask.tif", NERVE)
    frames = find_frames(tmp_path / wild)
    assert ids(frames) == ["1_1", "1_2"]
    assert all(frame.mask == tmp_path / f"{frame.id}_mask.tif" for frame in frames)


def test_a_glob_over_folders_keeps_the_sub_folder_as_subject(tmp_path):
    draw(tmp_path / "anna/1.png"), draw(tmp_path / "bert/1.png")
    assert [f.subject for f in find_frames(tmp_path / "*/1.png")] == ["anna", "bert"]


def test_kaggles_table_gives_masks_and_subjects_without_mask_files(tmp_path):
    for name in ("1_2", "1_10", "2_1"):
        draw(tmp_path / f"images/{name}.tif")
    table = write_table(
        tmp_path / "train_masks.csv",
        ("subject", "img", "pixels"),
        (1, 10, encode_runs(NERVE > 0)),
        (1, 2, ""),
    )
    frames = find_frames(tmp_path / "images", table=table)
    assert [(f.id, f.subject) for f in frames] == [("1_2", "1"), ("1_10", "1"), ("2_1", "2")]
    assert frames[0].mask == ""
    assert frames[2].mask is None
    assert presence_of(frames[:2]).tolist() == [False, True]
    np.testing.assert_array_equal(read_mask(frames[1], (6, 8)), NERVE > 0)


def test_kaggles_table_tells_the_same_truth_as_the_mask_files(tmp_path):
    rng = np.random.default_rng(0)
    rows = [("subject", "img", "pixels")]
    for k in range(12):
        mask = rng.random((6, 8)) < 0.3 * (k % 2)
        draw(tmp_path / f"{k % 3}_{k}.tif")
        draw(tmp_path / f"{k % 3}_{k}_mask.tif", mask.astype(np.uint8) * 255)
        rows.append((k % 3, k, encode_runs(mask)))
    files = find_frames(tmp_path)
    runs = find_frames(tmp_path, table=write_table(tmp_path / "train_masks.csv", *rows))
    assert [f[:3] for f in files] == [f[:3] for f in runs]
    for one, other in zip(files, runs, strict=True):
        np.testing.assert_array_equal(read_mask(one, (6, 8)), read_mask(other, (6, 8)))


def test_a_table_names_image_mask_subject_and_groups(tmp_path):
    draw(tmp_path / "scans/a.png"), draw(tmp_path / "scans/b.png"), draw(tmp_path / "c.png")
    draw(tmp_path / "scans/drawn/a.png", NERVE)
    table = write_table(
        tmp_path / "frames.csv",
        ("Image", "mask", "subject", "present", "device", "site"),
        ("a.png", "drawn/a.png", "anna", "", "TE7", "Ulm"),
        ("b.png", "", "bert", "0", "TE7", "Bonn"),
        ("c.png", "", "cleo", "", "S8", "Ulm"),
    )
    a, b, c = find_frames(tmp_path / "scans", table=table)
    assert a[:4] == ("a", "anna", tmp_path / "scans/a.png", tmp_path / "scans/drawn/a.png")
    assert (b.subject, b.mask, c.mask, c.image) == ("bert", "", None, tmp_path / "c.png")
    assert dict(a.groups) == {"device": "TE7", "site": "Ulm"}


def test_a_table_without_masks_adds_subjects_to_the_masks_beside_the_images(tmp_path):
    draw(tmp_path / "a.png"), draw(tmp_path / "a_mask.png", NERVE), draw(tmp_path / "b.png")
    rows = (("image", "subject", "reader"), ("a.png", "anna", "R1"), ("b.png", "", "R2"))
    a, b = find_frames(
        tmp_path, table=write_table(tmp_path / "t.csv", *rows), subject_pattern="(.)"
    )
    assert (a.mask, a.subject, a.groups["reader"]) == (tmp_path / "a_mask.png", "anna", "R1")
    assert (b.mask, b.subject) == (None, "b")


def test_a_table_may_hold_run_lengths_and_a_byte_order_mark(tmp_path):
    draw(tmp_path / "a.png")
    (tmp_path / "t.csv").write_text("\ufeffimage,pixels,subject\na.png,15 2,s\n", encoding="utf-8")
    (frame,) = find_frames(tmp_path, table=tmp_path / "t.csv")
    assert (frame.mask, frame.subject) == ("15 2", "s")


def test_ids_of_a_table_never_lead_out_of_an_output_folder(tmp_path):
    image = draw(tmp_path / "far/a.png")
    draw(tmp_path / "b.png")
    (tmp_path / "data").mkdir()
    rows = (("image", "mask"), (str(image), ""), ("../b.png", ""))
    frames = find_frames(tmp_path / "data", table=write_table(tmp_path / "data/t.csv", *rows))
    assert ids(frames) == ["a", "b"]


def test_a_long_run_length_cell_is_read_whole(tmp_path):
    draw(tmp_path / "1_1.tif")
    board = np.indices((420, 580)).sum(0) % 2 == 1
    rows = (("subject", "img", "pixels"), (1, 1, encode_runs(board)))
    (frame,) = find_frames(tmp_path, table=write_table(tmp_path / "train_masks.csv", *rows))
    np.testing.assert_array_equal(read_mask(frame, (420, 580)), board)


@pytest.mark.parametrize(
    ("files", "cause"),
    [
        ([], "no frames in"),
        (["notes.txt"], "no frames in"),
        (["1_1_mask.tif"], "no frames in"),
        (["1_1.tif", "2_1_mask.tif"], "2_1_mask.tif is a mask without an image"),
        (["a.png", "a.jpg"], "a.jpg and .*a.png have one name"),
        (["a.png", "a_mask.png", "a_mask.tif"], "a_mask.png and .*a_mask.tif have one name"),
    ],
)
def test_a_folder_that_is_no_data_set_is_refused(tmp_path, files, cause):
    for name in files:
        (tmp_path / name).touch()
    with pytest.raises(DataError, match=cause) as error:
        find_frames(tmp_path)
    assert str(tmp_path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_folder_or_glob_that_finds_nothing_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"nowhere doesn't exist"):
        find_frames(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"no frames in .*\*\.tif"):
        find_frames(tmp_path / "*.tif")
    draw(tmp_path / "a.png")
    with pytest.raises(DataError, match="masks is no folder"):
        find_frames(tmp_path, mask_folder=tmp_path / "masks")


def test_two_masks_of_one_image_are_refused(tmp_path):
    draw(tmp_path / "i/a.png"), draw(tmp_path / "i/a_mask.png"), draw(tmp_path / "m/a.png")
    with pytest.raises(DataError, match="are masks of one image"):
        find_frames(tmp_path / "i", mask_folder=tmp_path / "m")


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("", "has no rows"),
        ("image,mask\n", "has no rows"),
        ("picture,mask\na.png,\n", "image missing"),
        ("image;mask\na.png;\n", "with commas"),
        ("image,image\na.png,a.png\n", "line 2: two columns have one name"),
        ("image,mask\na.png\n", "line 2: 1 cells where 2 are wanted"),
        ("image\na.png\na.png\n", "line 3: frame a stands in a row above already"),
        ("image\nb.png\n", 'line 2: image "b.png" is no file'),
        ("image\n\nx.png\n", "line 3"),
        ("image,subject\n,s\n", 'line 2: image "" is no file'),
        ("image,mask\na.png,gone.png\n", 'line 2: mask "gone.png" is no file'),
        ("image,mask,present\na.png,,maybe\n", 'present is "maybe"'),
        ("image,mask,present\na.png,,1\n", "present says nerve, but no mask shows it"),
        ("image,pixels,present\na.png,,1\n", "present says nerve, but no mask shows it"),
        ("subject,img,pixels\n1,1,\n1,1,\n", "line 3: frame 1_1 stands on line 2"),
        ("subject,img,pixels\n1,1,\n", "line 2: there is no image 1_1.tif"),
        ("subject,img\n1,1\n", "pixels missing"),
        ('image\n"a.png\n', "is no CSV file"),
        ("image\n\xff\n", "is no CSV file in UTF-8"),
    ],
)
def test_a_table_that_does_not_fit_is_refused_with_its_line(tmp_path, text, cause):
    draw(tmp_path / "a.png")
    table = tmp_path / "t.csv"
    table.write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError, match=cause) as error:
        find_frames(tmp_path, table=table)
    assert str(table) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_table_that_is_not_there_is_refused(tmp_path):
    draw(tmp_path / "a.png")
    with pytest.raises(DataError, match="t.csv can't be read: No such file"):
        find_frames(tmp_path, table=tmp_path / "t.csv")


def test_a_read_only_folder_with_blanks_and_umlauts_is_read(tmp_path):
    folder = tmp_path / "Übung 1 [neu]"
    draw(folder / "1_1.tif"), draw(folder / "1_1_mask.tif", NERVE)
    folder.chmod(0o555)
    try:
        (frame,) = find_frames(folder)
        assert read_mask(frame, read_image(frame.image).shape).sum() == 6
    finally:
        folder.chmod(0o755)


def test_frames_travel_to_worker_processes(tmp_path):
    draw(tmp_path / "1_1.png")
    frames = find_frames(tmp_path)
    assert pickle.loads(pickle.dumps(frames)) == frames  # noqa: S301


def test_a_subjects_images_are_a_clip_where_that_is_said(tmp_path):
    for name in ("1_10.png", "1_2.png", "2_1.png"):
        draw(tmp_path / name)
    assert [frame.clip for frame in find_frames(tmp_path)] == [None] * 3

    found = find_frames(tmp_path, clips="subject")

    assert [(frame.id, frame.clip) for frame in found] == [
        ("1_2", "1"),
        ("1_10", "1"),
        ("2_1", "2"),
    ]
    with pytest.raises(NerveCegError, match="data.clips=day: file or subject is wanted"):
        find_frames(tmp_path, clips="day")
