"""The composed configuration to typed objects: frames, their split, the run's folder."""

import logging
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.utils import instantiate
from omegaconf import DictConfig

from nerveceg.documents import read_object
from nerveceg.errors import NerveCegError
from nerveceg.processes import agree

if TYPE_CHECKING:
    from nerveceg.data.frames import Frame
    from nerveceg.data.splits import Split

logger = logging.getLogger(__name__)


def build(node: DictConfig) -> Any:
    """The node's object, with plain lists and dicts within."""
    return instantiate(node, _convert_="all")


def load_frames(data: DictConfig) -> "list[Frame]":
    """The frames of `data.root`, or of the phantom, which is made where it isn't there yet."""
    from nerveceg.data.frames import find_frames

    root = data.root or (Path(data.table).parent if data.table else None)
    frames = find_frames(
        root or ensure_phantom(data.phantom) / "train",
        table=data.table,
        mask_folder=data.mask_folder,
        subject_pattern=data.subject_pattern,
        category=data.category,
        clips=data.clips,
    )
    warn_of_words(frames)
    return frames


def warn_of_words(frames: "list[Frame]") -> None:
    """Say so where DICOM files don't say which part of a picture is ultrasound."""
    from nerveceg.data.sources import file_of, may_show_words

    files = [file for file in {file_of(f.image) for f in frames} if may_show_words(file)]
    if files:
        logger.warning(
            "%d DICOM files state no ultrasound region, such as %s: names burned into their "
            "pictures stay there, and come into overlays and reports",
            len(files),
            min(files).name,
        )


def load_known(config: DictConfig) -> "list[Frame]":
    """The frames of known truth."""
    from nerveceg.data.images import unknown_truth

    frames = load_frames(config.data)
    known = [frame for frame in frames if frame.mask is not None]
    if not known:
        raise unknown_truth(frames[0])
    if len(known) < len(frames):
        logger.warning(
            "%d of %d frames have no truth: left out", len(frames) - len(known), len(frames)
        )
    return known


def load_split(config: DictConfig) -> "Split":
    """Frames to train on, to choose epochs on, and held out."""
    from nerveceg.data.splits import split_frames

    split = config.data.split
    return split_frames(
        load_known(config),
        by=split.by,
        fold=_whole("fold", config.fold or 0),
        folds=split.folds,
        validation_share=split.validation_share,
        seed=split.seed,
        train_subjects=_whole_or_none("data.split.train_subjects", split.train_subjects),
        subjects_seed=split.subjects_seed,
    )


def _whole(name: str, value: object) -> int:
    if not isinstance(value, int):
        raise NerveCegError(f"{name}={value}: a whole number is wanted")
    return value


def _whole_or_none(name: str, value: object) -> int | None:
    return None if value is None else _whole(name, value)


def ensure_phantom(phantom: DictConfig) -> Path:
    """The folder of the phantom, written first if it isn't there."""
    return agree(partial(_ensure_phantom, phantom))


def _ensure_phantom(phantom: DictConfig) -> Path:
    from nerveceg.data.phantom import write_phantom

    folder = Path(phantom.folder)
    if folder.exists():
        _check_phantom(folder, phantom)
    else:
        logger.info("writing the phantom to %s", folder)
        write_phantom(
            folder,
            subjects=phantom.subjects,
            frames_per_subject=phantom.frames_per_subject,
            seed=phantom.seed,
            label_noise=phantom.label_noise,
            exact_twins=phantom.exact_twins,
            near_twins=phantom.near_twins,
            shuffled=phantom.shuffled,
            processes=None,
        )
    return folder


def _check_phantom(folder: Path, phantom: DictConfig) -> None:
    """Refuse a phantom that was made with other settings than are wanted now."""
    path = folder / "phantom.json"
    if not path.is_file():
        raise NerveCegError(f"{folder} holds no phantom: data.phantom.folder=OTHER, or delete it")
    made = read_object(path)
    protocol = made["protocol"]
    there = {
        "subjects": made["subjects"],
        "frames_per_subject": protocol["frames"],
        "seed": made["seed"],
        **{
            name: protocol[name]
            for name in ("label_noise", "exact_twins", "near_twins", "shuffled")
        },
    }
    for name, value in there.items():
        if phantom[name] != value:
            raise NerveCegError(
                f"{folder} was made with {name}={value}, data.phantom.{name}={phantom[name]} is "
                "wanted: data.phantom.folder=OTHER makes a new one"
            )


def run_folder(config: DictConfig) -> Path:
    """Where the experiment's files lie."""
    folder = Path(config.out, str(config.name))
    return folder if config.fold is None else folder / f"fold_{config.fold}"


def data_in_words(config: DictConfig) -> str:
    """Which data a tool works on."""
    if config.data.root:
        return str(config.data.root)
    return f"{config.data.phantom.folder} (phantom)"


def data_name(config: DictConfig) -> str:
    """What the data are called on a page: the last part of their path that says something."""
    path = Path(config.data.root or config.data.table or data_in_words(config))
    return f"{path.parent.name}/{path.name}" if path.name == "train" else path.name
