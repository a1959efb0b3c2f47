"""Choose the rule on out-of-fold predictions, without running a network.

python tools/tune_rule.py checkpoint=runs/of_all_folds
"""

import logging
import sys
from pathlib import Path

if not __package__:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from omegaconf import DictConfig

from nerveceg.tools.command import command
from nerveceg.tools.console import next_step
from nerveceg.tools.trained import checkpoint_folder

logger = logging.getLogger(__name__)


def tune_rule(config: DictConfig) -> float:
    """Write the chosen rule into the run's pipeline; returns its Dice on other subjects."""
    from dataclasses import replace

    from nerveceg.checkpoint import read_description, write_description
    from nerveceg.evaluation.tally import Tally
    from nerveceg.evaluation.tuning import judge_tuning
    from nerveceg.outputs.tuning import tuning_table

    run = checkpoint_folder(config)
    described = read_description(run)
    tally = Tally.load(run / "tally.npz")
    tuning = judge_tuning(tally, resamples=config.bootstraps)
    rule = replace(
        tuning.rule,
        prevalence=described.rule.prevalence,
        refer=described.rule.refer,
        postprocess=described.rule.postprocess,
    )
    print(tuning_table(tuning))
    write_description(run, replace(described, rule=rule))
    logger.info("the rule is in %s", run / "pipeline.json")
    next_step("tools/infer.py", f"checkpoint={run}", "input=FOLDER")
    return tuning.lines[0].dice.value


main = command(tune_rule)

if __name__ == "__main__":
    main()
