"""The gate under each policy for contradictory training labels, in one table."""

import copy
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from nerveceg.tools.composition import build, load_split, run_folder
from nerveceg.tools.stage import build_stage, train_stage

if TYPE_CHECKING:
    import torch

    from nerveceg.data.conflicts import Audit

logger = logging.getLogger(__name__)

HEADERS = ("data.conflicts", "labels", "frames", "AUROC", "NLL", "accuracy at .5")


def ablate_policies(config: DictConfig, audit: "Audit") -> str:
    """Train the gate into {out}/{name}/{policy} for each policy; returns the table of scores.

    Scored on the held-out subjects, whose labels no policy changes: on all their frames, and on
    those that are in no contradictory pair of the audit.
    """
    from tabulate import tabulate

    from nerveceg.data.conflicts import POLICIES

    runs = {policy: _under(config, policy) for policy in POLICIES}
    for policy, run in runs.items():
        logger.info("training the gate with data.conflicts=%s", policy)
        train_stage(run, "cls", arguments=build_stage(run, "cls"))
    rows = [row for policy, run in runs.items() for row in _rows(run, policy, audit)]
    title = "gate on held-out subjects; all: every frame, coherent: frames that nothing contradicts"
    return f"{title}\n\n{tabulate(rows, HEADERS, floatfmt='.4f')}"


def _under(config: DictConfig, policy: str) -> DictConfig:
    run = copy.deepcopy(config)
    run.data.conflicts = policy
    run.name = str(Path(str(config.name), policy))
    return run


def _rows(run: DictConfig, policy: str, audit: "Audit") -> list[list[object]]:
    import torch

    from nerveceg.data.cache import Cache
    from nerveceg.data.dataset import FrameDataset
    from nerveceg.models.saving import load_model
    from nerveceg.training.hardness import presence_logits

    frames = load_split(run).test
    held_out = FrameDataset(
        frames,
        geometry=build(run.data.geometry),
        filter=build(run.data.filter),
        cache=Cache(kind=run.data.cache, folder=run.data.cache_folder),
    )
    gate = load_model(run_folder(run) / "cls")
    judged = torch.stack(
        [presence_logits(gate, held_out, runtime=build(run.runtime)), held_out.present], dim=1
    )
    contradicted = audit.contradicted
    coherent = torch.tensor([frame.id not in contradicted for frame in frames])
    parts = {"all": judged, "coherent": judged[coherent]}
    return [[policy, name, len(part), *_scores(part)] for name, part in parts.items()]


def _scores(judged: "torch.Tensor") -> list[float]:
    """AUROC, negative log-likelihood a frame, and accuracy at probability .5."""
    from nerveceg.training.objectives import PresenceObjective

    scores = PresenceObjective().scores(judged)
    right = ((judged[:, 0] > 0) == (judged[:, 1] > 0)).float().mean().item()
    return [scores["auroc"], -scores["log_likelihood"], right]
