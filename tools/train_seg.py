"""Stage 2: train the segmenter on the frames that show the nerve.

python tools/train_seg.py data.root=FOLDER seg.epochs=10 loss=tversky name=mine
"""

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if not __package__:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from omegaconf import DictConfig

from nerveceg.tools.command import command

if TYPE_CHECKING:
    from torch import nn

    from nerveceg.data.dataset import FrameDataset
    from nerveceg.training.objectives import MaskObjective


def train_seg(config: DictConfig) -> float:
    """Train stage 2; returns its best validation score."""
    from nerveceg.models.weights import copy_encoder_weights
    from nerveceg.tools.beginnings import ENCODER
    from nerveceg.tools.stage import build_stage, train_stage

    arguments = build_stage(config, "seg")
    if config.seg.init == ENCODER:
        copy_encoder_weights(stage_1(config), arguments["model"])
    check_heads(config, arguments["objective"])
    # Of a stream the next epoch shows other frames: no one knows yet which of them are hard.
    gated = config.cls.model is not None and config.data.stream is None
    harden = partial(ask_stage_1, config) if gated and config.seg.objective.negatives > 0 else None
    return train_stage(config, "seg", arguments=arguments, before=harden)


def check_heads(config: DictConfig, objective: object) -> None:
    """Refuse a network of two heads beside a gate of its own, and cls=shared beside any other."""
    from nerveceg.errors import NerveCegError
    from nerveceg.training.two_heads import TwoHeadObjective

    two_heads = isinstance(objective, TwoHeadObjective)
    if config.cls.shared and not two_heads:
        raise NerveCegError(
            "cls=shared, but this seg has no presence head: take seg=two_head_2016, or cls=none"
        )
    if two_heads and not config.cls.shared:
        raise NerveCegError("this seg says presence itself: take cls=shared with it")


def stage_1(config: DictConfig) -> "nn.Module":
    """The gate that this run has trained already."""
    from nerveceg.models.saving import load_model
    from nerveceg.tools.composition import run_folder

    return load_model(run_folder(config) / "cls", cure="run python tools/train_cls.py first")


def ask_stage_1(config: DictConfig, objective: "MaskObjective", train: "FrameDataset") -> None:
    """Let the objective draw its negatives from those that stage 1 takes for nerve."""
    from nerveceg.tools.composition import build
    from nerveceg.training.hardness import presence_logits

    objective.hardness = presence_logits(stage_1(config), train, runtime=build(config.runtime))


main = command(train_seg)

if __name__ == "__main__":
    main()
