"""Stage 1: train the gate that says whether a frame shows the nerve.

python tools/train_cls.py data.root=FOLDER cls.epochs=10 name=mine
"""

import logging
import sys
from pathlib import Path

if not __package__:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from omegaconf import DictConfig

from nerveceg.tools.command import command

logger = logging.getLogger(__name__)


def train_cls(config: DictConfig) -> float | None:
    """Train stage 1; returns its best validation score."""
    from nerveceg.tools.stage import build_stage, train_stage

    if config.cls.shared:
        logger.info("cls=shared: one network of two heads; python tools/train_seg.py trains both")
        return None
    if config.cls.model is None:
        logger.info("cls=none: every frame is taken to show the nerve; there is nothing to train")
        return None
    return train_stage(config, "cls", arguments=build_stage(config, "cls"))


main = command(train_cls)

if __name__ == "__main__":
    main()
