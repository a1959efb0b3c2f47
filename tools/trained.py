"""What the tools share that use a trained run."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from nerveceg.errors import DataError
from nerveceg.tools.composition import build, data_in_words, run_folder

if TYPE_CHECKING:
    from nerveceg.data.frames import Frame
    from nerveceg.pipeline import Pipeline

logger = logging.getLogger(__name__)


def checkpoint_folder(config: DictConfig) -> Path:
    """The folder of the run to use."""
    return Path(config.checkpoint) if config.checkpoint else run_folder(config)


def load_pipeline_of(config: DictConfig) -> "Pipeline":
    """The run's pipeline on the configured device."""
    from nerveceg.pipeline import Pipeline

    return Pipeline.from_pretrained(checkpoint_folder(config), runtime=build(config.runtime))


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
