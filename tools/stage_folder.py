"""A stage's folder: who may write there, and what it records of the run."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

from nerveceg.errors import NerveCegError
from nerveceg.tools.composition import build
from nerveceg.tools.private import keep_configuration
from nerveceg.tools.recorded import read_recorded
from nerveceg.tools.relaunch import keep_launch

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from nerveceg.data.splits import Split
    from nerveceg.postprocess import ShapePrior

MUST_STAY = ("data", "augment", "loss", "optimizer", "schedule", "seed", "fold")
"""What a resumed run may not change, beside the stage's own node."""
MAY_CHANGE = ("cache", "cache_folder")
"""Of `data`: where decoded frames are kept, which changes nothing that is seen."""


def check_stage_folder(folder: Path, config: DictConfig) -> None:
    """Refuse to mix runs: a folder in use, nothing to resume, or another configuration."""
    from nerveceg.training.lock import refuse_if_locked

    refuse_if_locked(folder)
    _check_free(folder, config)
    if config.resume:
        _check_same(folder, config)


def has_state(folder: Path) -> bool:
    """Whether a run left a state there; one that was stopped before its first begins anew."""
    return any((folder / "state").glob("*.safetensors"))


def _check_free(folder: Path, config: DictConfig) -> None:
    """Refuse a folder that holds another run, or none where one is to be resumed."""
    from nerveceg.training.lock import LOCK

    if config.resume:
        if not (folder / "config.yaml").is_file():
            raise NerveCegError(
                f"resume=true, but {folder} holds no run: leave resume=true out to begin one"
            )
    elif any(path.name != LOCK for path in folder.glob("*")) and not config.overwrite:
        cure = "resume=true goes on with it, " if has_state(folder) else ""
        raise NerveCegError(
            f"{folder} holds a run already: name=OTHER starts a new one, {cure}overwrite=true "
            "replaces it"
        )


def stage_facts(config: DictConfig, split: "Split", folder: Path) -> dict[str, Any]:
    """What config.json records of the run beside the network.

    Raises:
        NerveCegError: the run's other stage was trained on another split, size or data set.
    """
    from nerveceg.checkpoint import check_same_facts, describe_mask
    from nerveceg.data.images import digest_of
    from nerveceg.evaluation.baselines import GRID, fit_constant_mask

    facts = {
        "name": config.name,
        "seed": config.seed,
        "geometry": build(config.data.geometry).to_dict(),
        "filter": config.data.filter and build(config.data.filter).to_dict(),
        "split": {**_plain(config.data.split), "fold": config.fold or 0},
        "data": Path(config.data.root).name if config.data.root else config.data.name,
        "gate": config.cls.model is not None,
    }
    check_same_facts(folder, facts)
    positives = training_masks(split)
    seen = [*split.train, *split.validation]
    return {
        **facts,
        "constant_mask": describe_mask(fit_constant_mask(positives).at(*GRID)),
        "trained_on": sorted({digest_of(frame.image) for frame in seen}),
    }


def training_masks(split: "Split") -> "Iterator[NDArray[np.bool_]]":
    """The true masks of the training frames with nerve, bool [H, W]; their images stay unread."""
    from nerveceg.data.images import read_mask, size_of
    from nerveceg.data.presence import is_present

    for frame in filter(is_present, split.train):
        yield read_mask(frame, size_of(frame.image))


def training_prior(config: DictConfig, split: "Split") -> "ShapePrior | None":
    """The shape prior of the training masks; None where too few show the nerve.

    Raises:
        NerveCegError: the configured rule needs one.
    """
    from nerveceg.postprocess import fit_shape_prior, require_priors

    prior = fit_shape_prior(training_masks(split))
    require_priors(config.rule.postprocess, () if prior is None else (prior,))
    return prior


def begin_stage(folder: Path, config: DictConfig, *, prior: "ShapePrior | None" = None) -> None:
    """Empty the folder unless the run is resumed; keep the configuration and the prior there."""
    _check_free(folder, config)  # once more: since the first time, another run may have ended there
    if not config.resume:
        _empty(folder)
        (folder.parent / "pipeline.json").unlink(missing_ok=True)
    keep_configuration(folder, config)
    keep_launch(folder)
    if prior is not None:
        prior.save(folder)


def _empty(folder: Path) -> None:
    """Remove all but the lock, which this process holds."""
    from nerveceg.training.lock import LOCK

    for path in folder.glob("*"):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.name != LOCK:
            path.unlink()


def _check_same(folder: Path, config: DictConfig) -> None:
    """A resumed run goes on with what it began with; the file is read as data alone."""
    began = read_recorded(folder)
    now = OmegaConf.to_container(config, resolve=True)
    assert isinstance(now, dict)  # noqa: S101
    for node in (began, now):
        node["data"] = {key: value for key, value in node["data"].items() if key not in MAY_CHANGE}
    for key in (*MUST_STAY, folder.name):
        if began.get(key) != now[key]:
            raise NerveCegError(
                f"resume=true, but {key} isn't what {folder} began with: give the same overrides, "
                "or name=OTHER for a new run"
            )


def _plain(node: DictConfig) -> dict[str, Any]:
    values = OmegaConf.to_container(node, resolve=True)
    assert isinstance(values, dict)  # noqa: S101
    return {str(key): value for key, value in values.items()}
