"""A run on made-up people to the small pair of weights that others start from.

python tools/make_starter.py checkpoint=runs/starter input=UNSEEN output=nerveceg/models/starter
"""

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if not __package__:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from omegaconf import DictConfig

from nerveceg.tools.command import command

if TYPE_CHECKING:
    from torch import nn

    from nerveceg.evaluation.report import Report

logger = logging.getLogger(__name__)


def make_starter(config: DictConfig) -> float:
    """Pack the run's networks, scored in half precision; returns their full-set Dice."""
    from nerveceg.models.shipping import halved, pack_pair
    from nerveceg.outputs.starter_card import starter_card
    from nerveceg.outputs.table import report_table
    from nerveceg.tools.starter_record import make_record
    from nerveceg.tools.trained import checkpoint_folder

    run, output = checkpoint_folder(config), _output_of(config)
    networks = _networks_of(run)
    for network in networks.values():
        network.load_state_dict(halved(network.state_dict()))
    report = _score(config, run, networks)
    print(report_table(report))
    record = make_record(run, report)
    pack_pair(output, networks, record=record, card=starter_card(record))
    logger.info("cls.safetensors, seg.safetensors, starter.json, MODEL_CARD.md are in %s", output)
    return report.dice.value


def _output_of(config: DictConfig) -> Path:
    """Where the pair goes.

    Raises:
        NerveCegError: that or the frames for its report aren't named, or a pair is there already.
    """
    from nerveceg.errors import NerveCegError
    from nerveceg.models.starting import RECORD

    for key, wanted in (("input", "labelled frames that the run has never seen"), ("output", "")):
        if config[key] is None:
            raise NerveCegError(f"{key}=null: {wanted or 'the folder of the pair'} is wanted")
    output = Path(config.output)
    if (output / RECORD).exists() and not config.overwrite:
        raise NerveCegError(f"{output} holds a pair already: overwrite=true replaces it")
    return output


def _networks_of(run: Path) -> "dict[str, nn.Module]":
    from nerveceg.checkpoint import STAGES
    from nerveceg.models.saving import load_model

    return {stage: load_model(run / stage) for stage in STAGES}


def _score(config: DictConfig, run: Path, networks: "dict[str, nn.Module]") -> "Report":
    """The pair's report on the frames of `input`, by the run's own rule."""
    from nerveceg.checkpoint import read_description
    from nerveceg.evaluation.evaluate import evaluate
    from nerveceg.models.member import Member
    from nerveceg.pipeline import Pipeline
    from nerveceg.tools.composition import build
    from nerveceg.tools.trained import facts_of, frames_to_predict

    described = read_description(run)
    pipeline = Pipeline(
        [Member(networks["cls"], networks["seg"])],
        geometry=described.geometry,
        filter=described.filter,
        rule=described.rule,
        trained_on=described.trained_on,
        constant_mask=described.constant_mask,
        runtime=build(config.runtime),
    )
    return evaluate(
        pipeline,
        frames_to_predict(config),
        resamples=config.bootstraps,
        facts=facts_of(config, described.rule),
    ).report


main = command(make_starter)

if __name__ == "__main__":
    main()
