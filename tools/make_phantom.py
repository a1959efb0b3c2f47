"""Write a phantom data set in Kaggle's layout.

python tools/make_phantom.py data.phantom.folder=data/necks data.phantom.subjects=47
python tools/make_phantom.py data.phantom.folder=data/sweeps data.phantom.shuffled=false
"""

import logging
import sys
from pathlib import Path

if not __package__:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from omegaconf import DictConfig

from nerveceg.tools.command import command
from nerveceg.tools.console import next_step

logger = logging.getLogger(__name__)


def make_phantom(config: DictConfig) -> None:
    """Write the phantom of `data.phantom`."""
    from nerveceg.errors import NerveCegError
    from nerveceg.tools.composition import ensure_phantom

    folder = Path(config.data.phantom.folder)
    if folder.exists():
        raise NerveCegError(f"{folder} is there already: data.phantom.folder=OTHER, or delete it")
    ensure_phantom(config.data.phantom)
    logger.info("frames and masks are in %s/train, the truth behind them in truth.csv", folder)
    next_step("tools/describe.py", f"data.root={folder / 'train'}", f"output={folder / 'look'}")


main = command(make_phantom)

if __name__ == "__main__":
    main()
