"""Ways to decide, or whole systems, one above the other on the same frames.

python tools/ladder.py ladder=quick data.root=FOLDER name=quick
python tools/ladder.py ladder=full --multirun ladder.only=lite0,two_head_2016 hydra/launcher=joblib
python tools/ladder.py checkpoint=runs/of_all_folds against=runs/single input=OTHER tta=scale
"""

import sys
from pathlib import Path

if not __package__:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from omegaconf import DictConfig

from nerveceg.tools.command import command


def ladder(config: DictConfig) -> float:
    """Climb the configured ladder; returns the Dice of its top, or of its reference."""
    from nerveceg.tools.composition import build

    return float(build(config.ladder)(config))


main = command(ladder)

if __name__ == "__main__":
    main()
