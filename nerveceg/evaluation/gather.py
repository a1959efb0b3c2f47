"""The folds' networks over the frames that each held out: out-of-fold predictions."""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from nerveceg.data.frames import Frame
from nerveceg.data.images import digest_of
from nerveceg.data.reading import Reader, Reading
from nerveceg.errors import NerveCegError
from nerveceg.evaluation.out_of_fold import OutOfFold, half_truth, levels_of
from nerveceg.pipeline import Pipeline
from nerveceg.processes import deal, gather_named, is_first


class Fold(NamedTuple):
    """One fold: its networks and the frames they never saw."""

    pipeline: Pipeline
    frames: Sequence[Frame]


class _Row(NamedTuple):
    id: str
    subject: str
    fold: int
    logits: NDArray[np.float32]
    size: tuple[int, int]
    truth_area: int
    levels: NDArray[np.uint8]
    truth: NDArray[np.bool_]


def gather(
    folds: Mapping[int, Fold],
    *,
    split: Mapping[str, Any],
    progress: bool = True,
) -> OutOfFold:
    """Predict every frame by the fold that held it out; frames come out fold by fold.

    Where several processes run, each predicts its share; all return the same.
    split: what the folds share, kept in the file so that folds of another split aren't mixed in.

    Raises:
        NerveCegError: a frame was trained on, stands in two folds, or a fold has several members.
        DataError: a file can't be read.
    """
    _check(folds)
    rows: list[_Row] = []
    shares = {
        number: Fold(
            fold.pipeline, deal(fold.frames, batch_size=fold.pipeline.runtime.frames_together)
        )
        for number, fold in folds.items()
    }
    count = sum(len(fold.frames) for fold in shares.values())
    shown = progress and is_first()
    with tqdm(total=count, desc="out of fold", unit="frame", disable=not shown) as bar:
        for number, fold in shares.items():
            for row in _rows(number, fold):
                rows.append(row)
                bar.update()
    order = (frame.id for fold in folds.values() for frame in fold.frames)
    rows = list(gather_named({row.id: row for row in rows}, order=order).values())
    views = [view.to_dict() for view in next(iter(folds.values())).pipeline.ensemble.views]
    sizes = np.array([row.size for row in rows], dtype=np.int32)
    return OutOfFold(
        ids=np.array([row.id for row in rows]),
        subjects=np.array([row.subject for row in rows]),
        fold=np.array([row.fold for row in rows], dtype=np.int32),
        logits=np.stack([row.logits for row in rows]),
        height=sizes[:, 0],
        width=sizes[:, 1],
        truth_area=np.array([row.truth_area for row in rows], dtype=np.int64),
        levels=np.concatenate([row.levels.ravel() for row in rows]),
        truth=np.packbits(np.concatenate([row.truth.ravel() for row in rows])),
        views=np.array(json.dumps(views)),
        split=np.array(json.dumps(dict(split), sort_keys=True)),
    )


def _check(folds: Mapping[int, Fold]) -> None:
    if len(folds) < 2:
        raise NerveCegError(f"{len(folds)} fold: out-of-fold predictions want 2 or more")
    known: dict[str, int] = {}
    for number, fold in folds.items():
        if len(fold.pipeline.ensemble.members) != 1:
            raise NerveCegError(f"fold {number} has several members: one training run is wanted")
        for frame in fold.frames:
            if digest_of(frame.image) in fold.pipeline.trained_on:
                raise NerveCegError(
                    f"frame {frame.id} was trained on by fold {number} that is to predict it: "
                    "give the data and split that the folds were trained with"
                )
            if frame.id in known:
                raise NerveCegError(
                    f"frame {frame.id} is held out by folds {known[frame.id]} and {number}: "
                    "folds of one split are wanted"
                )
            known[frame.id] = number


def _rows(number: int, fold: Fold) -> Iterator[_Row]:
    together, workers = fold.pipeline.runtime.frames_together, fold.pipeline.runtime.worker_count
    for readings in Reader(fold.frames, batch_size=together, truth=True, workers=workers):
        for _, group in groupby(readings, key=lambda reading: reading.image.shape):
            yield from _predict(number, fold.pipeline, list(group))


@torch.inference_mode()
def _predict(number: int, pipeline: Pipeline, readings: list[Reading]) -> Iterator[_Row]:
    """The rows of frames of one size."""
    network_input = pipeline.network_input([reading.image for reading in readings])
    looks = pipeline.ensemble.look(network_input)
    logits = looks.presence_logits[0].T.cpu().numpy()
    probability = looks.mask_logits()[0].sigmoid()
    size = readings[0].image.shape
    levels = levels_of(pipeline.geometry.restore(probability, size))[:, 0].cpu().numpy()
    truths = torch.stack([torch.from_numpy(reading.truth) for reading in readings])[:, None]
    halves = half_truth(truths)[:, 0].numpy()
    for place, reading in enumerate(readings):
        yield _Row(
            reading.frame.id,
            reading.frame.subject,
            number,
            logits[place],
            size,
            int(truths[place].sum()),
            levels[place],
            halves[place],
        )
