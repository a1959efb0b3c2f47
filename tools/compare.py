"""Two runs scored on the same frames: what differs, how surely, and what so many subjects can show.

python tools/compare.py checkpoint=runs/first against=runs/second
"""

import logging
import sys
from pathlib import Path

if not __package__:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from omegaconf import DictConfig

from nerveceg.tools.command import command
from nerveceg.tools.trained import checkpoint_folder

logger = logging.getLogger(__name__)


def compare(config: DictConfig) -> float:
    """Compare two saved reports; returns the difference of the full-set Dice."""
    from nerveceg import comparison
    from nerveceg.errors import NerveCegError
    from nerveceg.evaluation.saved import read_results
    from nerveceg.files import write_text
    from nerveceg.outputs.difference import comparison_table

    if not config.against:
        raise NerveCegError("against=null: the folder of a second run or report is wanted")
    folders = [report_folder(checkpoint_folder(config)), report_folder(Path(config.against))]
    first, second = (read_results(folder) for folder in folders)
    found = comparison.compare(first, second, resamples=config.bootstraps)
    print(f"first: {folders[0]}\nsecond: {folders[1]}\n\n{comparison_table(found)}")
    if config.output:
        write_text(Path(config.output) / "comparison.json", found.to_json())
        logger.info("comparison.json is in %s", config.output)
    else:
        logger.info("next: output=FOLDER keeps the figures as comparison.json")
    return found.dice.difference.value


def report_folder(run: Path) -> Path:
    """Where a run's report lies: in its folder, as evaluate.py leaves it, or in predictions/."""
    inferred = run / "predictions"
    only_inferred = (inferred / "frames.csv").is_file() and not (run / "frames.csv").is_file()
    return inferred if only_inferred else run


main = command(compare)

if __name__ == "__main__":
    main()
