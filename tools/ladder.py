"""What each part of the joint decision earns, one above the other, on the same frames.

python tools/ladder.py checkpoint=runs/of_all_folds against=runs/single input=OTHER tta=scale
"""

import logging
import sys
from pathlib import Path

if not __package__:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from omegaconf import DictConfig

from nerveceg.tools.command import command

logger = logging.getLogger(__name__)


def ladder(config: DictConfig) -> float:
    """Print both ladders: out of fold, and on the subjects of `input`; returns the top's Dice."""
    from nerveceg.errors import NerveCegError
    from nerveceg.outputs.ladder import ladder_table
    from nerveceg.tools.rungs import held_out_rungs, out_of_fold_rungs

    if not config.against:
        raise NerveCegError("against=null: the run of a single stage (cls=none) is wanted")
    rungs = out_of_fold_rungs(config)
    print(ladder_table(rungs, title="Out of fold", resamples=config.bootstraps))
    if config.input:
        rungs = held_out_rungs(config)
        print(ladder_table(rungs, title="Other subjects", resamples=config.bootstraps))
    return float(rungs[-1].dice.mean())


main = command(ladder)

if __name__ == "__main__":
    main()
