"""What the tools share that use a trained run."""

import dataclasses
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from nerveceg.errors import DataError
from nerveceg.tools.composition import build, data_in_words, run_folder

if TYPE_CHECKING:
    from nerveceg.data.frames import Frame
    from nerveceg.decision import Rule
    from nerveceg.pipeline import Pipeline

logger = logging.getLogger(__name__)


def checkpoint_folder(config: DictConfig) -> Path:
    """The folder of the run to use."""
    return Path(config.checkpoint) if config.checkpoint else run_folder(config)


def load_pipeline_of(config: DictConfig) -> "Pipeline":
    """The run's pipeline on the configured device."""
    from nerveceg.pipeline import Pipeline

    pipeline = Pipeline.from_pretrained(checkpoint_folder(config), runtime=build(config.runtime))
    pipeline.rule = _rule_of(config, pipeline.rule)
    return pipeline


def _rule_of(config: DictConfig, saved: "Rule") -> "Rule":
    """The run's own rule, but for what the command line says of it."""
    words = HydraConfig.get().overrides.task
    if any(word.startswith("rule=") for word in words):
        return cast("Rule", build(config.rule))
    keys = [w.split("=")[0].removeprefix("rule.") for w in words if w.startswith("rule.")]
    stated = build(config.rule)
    return dataclasses.replace(saved, **{key: getattr(stated, key) for key in keys})


def report_on(
    config: DictConfig,
    pipeline: "Pipeline",
    frames: "Sequence[Frame]",
    output: Path,
    *,
    watch: Callable[..., None] | None = None,
) -> tuple[float, list[str]]:
    """Evaluate, print and write the report; returns the full-set Dice and what couldn't be read."""
    from nerveceg.evaluation.evaluate import evaluate
    from nerveceg.outputs.table import report_table

    report, tally, failures = evaluate(
        pipeline,
        frames,
        batch_size=config.batch_size,
        on_error=config.on_error,
        watch=watch,
        spacing_mm=config.data.spacing_mm,
        resamples=config.bootstraps,
        facts=_facts(config),
    )
    report.save(output)
    tally.save(output / "tally.npz")
    print(report_table(report))
    logger.info("report.json, frames.csv and tally.npz are in %s", output)
    return report.dice.value, failures


def require_whole(failures: Sequence[str]) -> None:
    """List the frames that were left out, and fail if there are any."""
    if failures:
        for line in failures:
            logger.warning("left out: %s", line)
        raise DataError(f"{len(failures)} frames could not be read and were left out (see above)")


def _facts(config: DictConfig) -> dict[str, Any]:
    from nerveceg import __version__

    data = config.input or data_in_words(config)
    return {
        "run": config.name,
        "data": Path(data).name,
        "split": f"{config.data.split.by}, fold {config.fold or 0} of {config.data.split.folds}",
        "seed": config.seed,
        "nerveceg": __version__,
    }
