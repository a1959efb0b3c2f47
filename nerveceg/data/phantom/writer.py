"""Phantom subjects to a folder on disk in Kaggle's layout, with the truth beside it."""

import csv
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from math import degrees
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from nerveceg.data.phantom.subject import Protocol, Shot, Subject
from nerveceg.data.runlength import encode_runs
from nerveceg.errors import NerveCegError

SCHEMA_VERSION = 1
TRUTH_COLUMNS = (
    *("subject", "img", "step", "visibility", "visible", "present", "flipped"),
    *("twin", "twin_of", "row", "column", "tilt_degrees", "major", "minor"),
)


class Row(NamedTuple):
    """One frame's line in both tables: its shot and its mask's run-length string."""

    shot: Shot
    pixels: str


def write_phantom(
    folder: Path,
    *,
    subjects: int = 320,
    frames_per_subject: int = 3,
    seed: int = 0,
    label_noise: float = 2.0,
    exact_twins: float = 0.01,
    near_twins: float = 0.01,
    shuffled: bool = True,
    first_subject: int = 1,
    processes: int | None = 1,
    progress: bool = True,
) -> None:
    """Write a phantom data set: the same bytes for the same arguments on any number of processes.

    `folder` gets `train/{subject}_{img}.tif` and `_mask.tif` (420 x 580, 8 bit, LZW),
    `train_masks.csv` in Kaggle's columns, `truth.csv` with what the labels hide, and
    `phantom.json` with the arguments. It appears only once it is complete. See `Protocol` for
    the label noise and the twins. `processes=None` takes one a core.

    Raises:
        NerveCegError: `folder` holds something already, or a number is out of its range.
    """
    protocol = Protocol(
        frames=frames_per_subject,
        label_noise=label_noise,
        exact_twins=exact_twins,
        near_twins=near_twins,
        shuffled=shuffled,
    )
    _check(folder, subjects=subjects, first_subject=first_subject, seed=seed, protocol=protocol)
    numbers = range(first_subject, first_subject + subjects)
    with _complete_or_nothing(folder) as unfinished:
        write = partial(_write_subject, folder=unfinished / "train", seed=seed, protocol=protocol)
        bar = tqdm(
            total=subjects * protocol.frames, unit="frame", desc="phantom", disable=not progress
        )
        rows: list[Row] = []
        with bar:
            for written in _spread(write, numbers, processes=processes):
                rows += written
                bar.update(len(written))
        _write_tables(unfinished, rows)
        _write_settings(unfinished / "phantom.json", numbers, seed=seed, protocol=protocol)


def _check(
    folder: Path, *, subjects: int, first_subject: int, seed: int, protocol: Protocol
) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise NerveCegError(f"{folder} is not empty: name another folder, or delete it first")
    for name, value, least in (
        ("subjects", subjects, 1),
        ("frames_per_subject", protocol.frames, 1),
        ("first_subject", first_subject, 0),
        ("seed", seed, 0),
        ("label_noise", protocol.label_noise, 0),
    ):
        if value < least:
            raise NerveCegError(f"{name}={value} is too small: give {least} or more")
    shares = protocol.exact_twins, protocol.near_twins
    if min(shares) < 0 or sum(shares) > 1:
        raise NerveCegError(
            f"exact_twins={shares[0]} and near_twins={shares[1]} are shares of the frames with "
            "nerve: give two numbers from 0 to 1 whose sum is at most 1"
        )


@contextmanager
def _complete_or_nothing(folder: Path) -> Iterator[Path]:
    """A hidden folder beside `folder` that takes its place once all is written, or goes away."""
    unfinished = folder.with_name(f".{folder.name}.unfinished-{os.getpid()}")
    (unfinished / "train").mkdir(parents=True)
    try:
        yield unfinished
        if folder.exists():
            folder.rmdir()
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _spread(
    write: Callable[[int], list[Row]], numbers: range, *, processes: int | None
) -> Iterator[list[Row]]:
    """The rows of each subject in order, written by this process or by several."""
    if processes == 1:
        yield from map(write, numbers)
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        try:
            yield from pool.map(write, numbers)
        finally:
            pool.shutdown(cancel_futures=True)


def _write_subject(number: int, *, folder: Path, seed: int, protocol: Protocol) -> list[Row]:
    rows = []
    for shot, image, mask in Subject(number, seed=seed, protocol=protocol).frames():
        name = f"{shot.subject}_{shot.img}"
        _write_tiff(folder / f"{name}.tif", image)
        _write_tiff(folder / f"{name}_mask.tif", mask * np.uint8(255))
        rows.append(Row(shot, encode_runs(mask)))
    return sorted(rows, key=lambda row: row.shot.img)


def _write_tiff(path: Path, pixels: NDArray[np.uint8]) -> None:
    Image.fromarray(pixels).save(path, compression="tiff_lzw")


def _write_tables(folder: Path, rows: list[Row]) -> None:
    labels = [(row.shot.subject, row.shot.img, row.pixels) for row in rows]
    _write_csv(folder / "train_masks.csv", ("subject", "img", "pixels"), labels)
    _write_csv(folder / "truth.csv", TRUTH_COLUMNS, [_truth(row.shot) for row in rows])


def _truth(shot: Shot) -> tuple[object, ...]:
    pose = shot.pose
    shape = (pose.row, pose.column, degrees(pose.tilt), 2 * pose.major, 2 * pose.minor)
    return (
        shot.subject,
        shot.img,
        pose.step,
        f"{pose.visibility:.6f}",
        int(shot.visible),
        int(shot.present),
        int(shot.flipped),
        shot.twin,
        shot.twin_of or "",
        *(f"{value:.2f}" for value in shape),
    )


def _write_csv(path: Path, header: tuple[str, ...], rows: Sequence[tuple[object, ...]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(header)
        table.writerows(rows)


def _write_settings(path: Path, numbers: range, *, seed: int, protocol: Protocol) -> None:
    settings = {
        "schema_version": SCHEMA_VERSION,
        "seed": seed,
        "subjects": len(numbers),
        "first_subject": numbers.start,
        "protocol": asdict(protocol),
    }
    path.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
