"""R7: thousands of damaged files, through the doors that people's files come in by."""

import io
import json
import multiprocessing
import runpy
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

from nerveceg.checkpoint import read_description
from nerveceg.data.coco import read_coco
from nerveceg.data.frames import find_frames
from nerveceg.data.images import read_image, read_mask, size_of
from nerveceg.errors import NerveCegError
from nerveceg.evaluation.out_of_fold import OutOfFold

pytest.importorskip("pydicom", reason="the extra nerveceg[dicom] isn't installed")
pytest.importorskip("av", reason="the extra nerveceg[video] isn't installed")

TESTS = Path(__file__).parents[1]
MUTANTS = runpy.run_path(str(TESTS / "mutants.py"))
PICTURES, TABLES = 2000, 300
SLOWEST = 0.1
PATIENCE = 300


def read_picture(path):
    for frame in find_frames(path)[:3]:
        assert read_image(frame.image).shape == size_of(frame.image)


def attempt(read, path):
    """Seconds of the processor and what was said; an error of another class ends the process."""
    begun = time.process_time()
    try:
        read(path)
        said = None
    except NerveCegError as error:
        said = str(error)
    return time.process_time() - begun, said


def in_a_process(work, tmp_path):
    """What `work` returned in a process of its own: one that crashes or hangs is found out."""
    context = multiprocessing.get_context("fork")
    receive, send = context.Pipe(duplex=False)
    process = context.Process(target=lambda: send.send(work()))
    process.start()
    send.close()
    answered = receive.poll(PATIENCE)
    try:
        found = receive.recv() if answered else None
    except EOFError:
        found = None
    process.join(5)
    process.kill()
    assert answered, f"it hung: {sorted(tmp_path.iterdir())[-1]}"
    assert process.exitcode == 0, f"it ended with {process.exitcode}"
    return found


def judge(found, tmp_path, wanted):
    seconds, lines, names, left = found
    assert len(seconds) == wanted
    assert max(seconds) <= SLOWEST
    assert all(name in line and "\n" not in line for name, line in zip(names, lines, strict=True))
    assert left <= 2, "files stayed open"
    assert 0.1 * wanted < len(lines) < wanted
    return max(seconds), len(lines)


def read_all(read, paths):
    seconds, lines, names = [], [], []
    for path in paths:
        spent, said = attempt(read, path)
        seconds.append(spent)
        if said is not None:
            lines.append(said)
            names.append(str(path))
    links = [link for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    folder = str(paths[0].parents[1])
    return seconds, lines, names, sum(folder in str(link.readlink()) for link in links)


def test_two_thousand_damaged_pictures(tmp_path, figure):
    draw, files = np.random.default_rng(20), MUTANTS["whole_files"]()
    kinds, paths = sorted(files), []
    for place in range(PICTURES):
        suffix, content = files[kinds[place % len(kinds)]]
        # A few to a folder, since the folder of each is searched for its mask.
        paths.append(tmp_path / f"{place // 20}" / f"{place:05d}{suffix}")
        paths[-1].parent.mkdir(exist_ok=True)
        paths[-1].write_bytes(MUTANTS["mutate"](content, draw))
    found = in_a_process(lambda: read_all(read_picture, paths), tmp_path)
    slowest, refused = judge(found, tmp_path, PICTURES)
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == PICTURES
    figure(
        "R7",
        f"{PICTURES:,} damaged TIFF, PNG, JPEG, BMP, DICOM, MP4 and AVI files: 0 crashes, 0 hangs, "
        f"{refused:,} refused by name, slowest {slowest:.3f} s",
    )


def write_frames(folder):
    from PIL import Image

    for place in range(9):
        Image.new("L", (8, 6), place).save(folder / f"{place}.png")


def read_table_of(folder):
    def read(path):
        for frame in find_frames(folder, table=path):
            if frame.mask is not None:
                read_mask(frame, size_of(frame.image))

    return read


def table_text():
    head = "image,subject,present,pixels,height,width\n"
    return (
        head
        + "".join(f"{k}.png,{k // 2},{k % 2},{'5 3 9 2' if k % 2 else ''},6,8\n" for k in range(9))
    ).encode()


def kaggle_text():
    rows = "".join(f"1,{k},{'5 3 9 2' if k % 2 else ''}\n" for k in range(9))
    return f"subject,img,pixels\n{rows}".encode()


def labels_text():
    images = [{"id": k, "file_name": f"{k}.png", "height": 6, "width": 8} for k in range(4)]
    square = [[1.0, 1.0, 5.0, 1.0, 5.0, 4.0]]
    runs = {"size": [6, 8], "counts": [10, 5, 33]}
    annotations = [
        {"id": k, "image_id": k, "category_id": 1, "segmentation": shape}
        for k, shape in enumerate((square, runs, square))
    ]
    categories = [{"id": 1, "name": "nerve"}]
    told = {"images": images, "annotations": annotations, "categories": categories}
    return json.dumps(told).encode()


def golden_run(folder):
    with zipfile.ZipFile(TESTS / "golden" / "schema_2.zip") as archive:
        archive.extractall(folder)
    return folder / "run"


def arrays():
    names = {"ids": np.array(["a", "b"]), "subjects": np.array(["1", "2"])}
    whole = {"fold": np.zeros(2, np.int32), "logits": np.zeros((2, 1), np.float32)}
    size = {"height": np.full(2, 6, np.int32), "width": np.full(2, 8, np.int32)}
    maps = {"levels": np.zeros(24, np.uint8), "truth": np.zeros(3, np.uint8)}
    rest = {"truth_area": np.zeros(2, np.int64), "views": np.array("[]"), "split": np.array("{}")}
    content = io.BytesIO()
    np.savez_compressed(content, **names, **whole, **size, **maps, **rest)
    return content.getvalue()


def read_arrays_of(path):
    for _ in OutOfFold.load(path).maps():
        pass


@pytest.mark.parametrize("kind", ["table.csv", "train_masks.csv", "labels.json", "oof.npz"])
def test_three_hundred_damaged_tables(tmp_path, figure, kind):
    folder, mutants = tmp_path / "frames", tmp_path / "mutants"
    folder.mkdir()
    mutants.mkdir()
    write_frames(folder)
    makers = {
        "table.csv": (table_text, read_table_of(folder)),
        "train_masks.csv": (kaggle_text, read_table_of(folder / "0.png")),
        "labels.json": (labels_text, read_coco),
        "oof.npz": (arrays, read_arrays_of),
    }
    make, read = makers[kind]
    content, draw, paths = make(), np.random.default_rng(7), []
    for place in range(TABLES):
        paths.append(mutants / f"{place:03d}.{kind}")
        paths[-1].write_bytes(MUTANTS["mutate"](content, draw, len(content)))
    read_whole = mutants / f"whole.{kind}"
    read_whole.write_bytes(content)
    read(read_whole)
    found = in_a_process(lambda: read_all(read, paths), mutants)
    seconds, lines, *_ = found
    assert len(seconds) == TABLES
    assert max(seconds) <= SLOWEST
    assert not [line for line in lines if "\n" in line]
    assert len(lines) > 0.1 * TABLES
    figure("R7", f"{TABLES} damaged {kind}: {len(lines)} refused, slowest {max(seconds):.3f} s")


def test_three_hundred_damaged_pipelines(tmp_path, figure):
    run = golden_run(tmp_path)
    path = run / "pipeline.json"
    content, draw = path.read_bytes(), np.random.default_rng(8)

    def work():
        seconds, lines = [], []
        for _ in range(TABLES):
            path.write_bytes(MUTANTS["mutate"](content, draw, len(content)))
            spent, said = attempt(read_description, run)
            seconds.append(spent)
            lines += [said] if said else []
        return seconds, lines

    seconds, lines = in_a_process(work, run)
    assert max(seconds) <= SLOWEST
    assert all("\n" not in line for line in lines)
    assert len(lines) > 0.5 * TABLES
    figure(
        "R7", f"{TABLES} damaged pipeline.json: {len(lines)} refused, slowest {max(seconds):.3f} s"
    )
