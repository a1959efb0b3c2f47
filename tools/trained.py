"""What the tools share that use a trained run."""

import dataclasses
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import yaml
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from nerveceg.errors import DataError
from nerveceg.tools.composition import build, data_in_words, load_split, run_folder

if TYPE_CHECKING:
    from nerveceg.data.frames import Frame
    from nerveceg.decision import Rule
    from nerveceg.pipeline import Pipeline

logger = logging.getLogger(__name__)


def checkpoint_folder(config: DictConfig) -> Path:
    """The folder of the run to use."""
    return Path(config.checkpoint) if config.checkpoint else run_folder(config)


def frames_to_predict(config: DictConfig) -> "list[Frame]":
    """The frames of `input`, or the held-out ones of the run's own data and split."""
    from nerveceg.data.frames import find_frames

    if config.input is None:
        _take_data_of_run(config)
        return load_split(config).test
    return find_frames(
        config.input,
        table=config.input_table,
        mask_folder=config.input_masks,
        subject_pattern=config.data.subject_pattern,
    )


def _take_data_of_run(config: DictConfig) -> None:
    """What the run was trained on, unless the command line names data; read as data alone."""
    path = checkpoint_folder(config) / "seg" / "config.yaml"
    named = any(word.lstrip("+").startswith("data") for word in HydraConfig.get().overrides.task)
    if path.is_file() and not named:
        began = yaml.safe_load(path.read_text(encoding="utf-8"))
        config.data, config.fold = began["data"], began["fold"]


def load_pipeline_of(config: DictConfig) -> "Pipeline":
    """The run's pipeline on the configured device."""
    from nerveceg.pipeline import Pipeline

    pipeline = Pipeline.from_pretrained(checkpoint_folder(config), runtime=build(config.runtime))
    pipeline.rule = _rule_of(config, pipeline.rule)
    return pipeline


def _rule_of(config: DictConfig, saved: "Rule") -> "Rule":
    """The run's own rule, but for what the command line says of it."""
    words = [word.lstrip("+") for word in HydraConfig.get().overrides.task]
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
        facts=_facts(config, pipeline),
    )
    report.save(output)
    tally.save(output / "tally.npz")
    print(report_table(report))
    return report.dice.value, failures


def require_whole(failures: Sequence[str]) -> None:
    """List the frames that were left out, and fail if there are any."""
    if failures:
        for line in failures:
            logger.warning("left out: %s", line)
        raise DataError(f"{len(failures)} frames could not be read and were left out (see above)")


def _facts(config: DictConfig, pipeline: "Pipeline") -> dict[str, Any]:
    from nerveceg import __version__

    data = config.input or data_in_words(config)
    split = config.data.split
    held_out = None if config.input else f"{split.by}, fold {config.fold or 0} of {split.folds}"
    return {
        "run": checkpoint_folder(config).name,
        "data": Path(data).name,
        "split": held_out,
        "rule": pipeline.rule.to_dict(),
        "nerveceg": __version__,
    }
