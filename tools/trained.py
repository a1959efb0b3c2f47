"""What the tools share that use a trained run."""

import dataclasses
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from nerveceg.errors import DataError, NerveCegError
from nerveceg.processes import agree, gather_named, is_first, wait
from nerveceg.tools.composition import build, data_in_words, load_split, run_folder, warn_of_words
from nerveceg.tools.pages import keep_masks, write_html
from nerveceg.tools.private import configuration_file, require_local
from nerveceg.tools.recorded import recorded_data

if TYPE_CHECKING:
    from nerveceg.calibration import Calibration
    from nerveceg.data.frames import Frame
    from nerveceg.decision import Rule
    from nerveceg.evaluation.evaluate import Evaluation
    from nerveceg.pipeline import Pipeline

logger = logging.getLogger(__name__)

ESTIMATE = "estimate"


def checkpoint_folder(config: DictConfig) -> Path:
    """The folder of the run to use."""
    return Path(config.checkpoint) if config.checkpoint else run_folder(config)


def frames_to_predict(config: DictConfig) -> "list[Frame]":
    """The frames of `input`, or the held-out ones of the run's own data and split.

    Raises:
        NerveCegError: no `input`, and the run is of several folds: each frame was trained on.
    """
    from nerveceg.data.frames import find_frames

    if config.input is None:
        run = checkpoint_folder(config)
        if any(run.glob("fold_*")):
            raise NerveCegError(
                f"{run} has several folds, which together hold out no frame: give input=FOLDER, or "
                f"one fold, checkpoint={run / 'fold_0'}"
            )
        take_data_of(config, run)
        return load_split(config).test
    frames = find_frames(
        config.input,
        table=config.input_table,
        mask_folder=config.input_masks,
        subject_pattern=config.data.subject_pattern,
        category=config.data.category,
        clips=config.data.clips,
    )
    warn_of_words(frames)
    return frames


def take_data_of(config: DictConfig, run: Path) -> None:
    """What the run was trained on, unless the command line names data; read as data alone."""
    named = any(word.lstrip("+").startswith("data") for word in HydraConfig.get().overrides.task)
    if configuration_file(run / "seg").is_file() and not named:
        data, config.fold = recorded_data(run / "seg")
        # Merged, since a run of an earlier version lacks the keys that came later.
        config.data = OmegaConf.merge(config.data, data)
        require_local(config.data, run)


def load_pipeline_of(config: DictConfig) -> "Pipeline":
    """The run's pipeline on the configured device, with what the command line says of it."""
    from nerveceg.pipeline import Pipeline

    pipeline = Pipeline.from_pretrained(
        checkpoint_folder(config), runtime=build(config.runtime), engine=build(config.engine)
    )
    pipeline.rule = rule_of(config, pipeline.rule)
    words = [word.lstrip("+") for word in HydraConfig.get().overrides.task]
    if any(word.startswith("tta") for word in words):
        pipeline.ensemble.views = build(config.tta)
    if any(word.startswith("temporal") for word in words):
        pipeline.temporal = build(config.temporal)
    warn_infeasible(pipeline.calibration, pipeline.rule)
    return pipeline


def warn_infeasible(calibration: "Calibration", rule: "Rule") -> None:
    """Say so where too few subjects were calibrated on for the rule's miss rate."""
    misses, rate = calibration.misses, rule.miss_rate
    if misses is not None and rate is not None and not misses.feasible(rate):
        logger.warning(
            "rule.miss_rate=%s is infeasible: %d subjects can guarantee no less than %.3f; every "
            "frame is kept",
            rate,
            misses.subjects,
            misses.least_rate,
        )


def take_prevalence(config: DictConfig, pipeline: "Pipeline", frames: "Sequence[Frame]") -> None:
    """With rule.prevalence=estimate: the share of frames with nerve that makes these likeliest."""
    from nerveceg.inference import estimate_prevalence_of

    if config.rule.prevalence != ESTIMATE:
        return
    prevalence = estimate_prevalence_of(pipeline, frames)
    logger.info("rule.prevalence=%.3f, estimated from the frames themselves", prevalence)
    pipeline.rule = dataclasses.replace(pipeline.rule, prevalence=prevalence)


def rule_of(config: DictConfig, saved: "Rule") -> "Rule":
    """The run's own rule, but for what the command line says of it."""
    from nerveceg.decision import Rule

    words = [word.lstrip("+") for word in HydraConfig.get().overrides.task]
    stated = cast(dict[str, Any], OmegaConf.to_container(config.rule, resolve=True))
    del stated["_target_"]
    if stated["prevalence"] == ESTIMATE:
        stated["prevalence"] = None  # until the frames are known
    if any(word.startswith("rule=") for word in words):
        return Rule.from_dict(stated)
    keys = [w.split("=")[0].removeprefix("rule.") for w in words if w.startswith("rule.")]
    return Rule.from_dict({**saved.to_dict(), **{key: stated[key] for key in keys}})


def presence_over_clips(
    config: DictConfig, pipeline: "Pipeline", frames: "Sequence[Frame]"
) -> dict[str, float]:
    """Presence of the frames of clips by id, smoothed as the pipeline does; of others nothing."""
    from nerveceg.inference import smooth_presence

    return smooth_presence(
        pipeline,
        frames,
        pipeline.temporal,
        on_error=config.on_error,
    )


def report_on(
    config: DictConfig,
    pipeline: "Pipeline",
    frames: "Sequence[Frame]",
    output: Path,
    *,
    watch: Callable[..., None] | None = None,
    presence: Mapping[str, float] | None = None,
) -> tuple[float, list[str]]:
    """Evaluate, print and write the report; returns the full-set Dice and what couldn't be read."""
    from nerveceg.evaluation.evaluate import evaluate

    smoothing = {"temporal": str(pipeline.temporal)} if presence else {}
    keeper = keep_masks(watch) if config.html else None
    evaluation = evaluate(
        pipeline,
        frames,
        on_error=config.on_error,
        watch=keeper or watch,
        presence=presence,
        spacing_mm=agree(lambda: spacing_of(config, frames)),
        resamples=config.bootstraps,
        facts=facts_of(config, pipeline.rule) | smoothing,
    )
    show_report(evaluation, output)
    if keeper is not None:
        keeper.runs = gather_named(keeper.runs, order=[frame.id for frame in frames])
    if keeper is not None and is_first():
        write_html(evaluation, output, run=checkpoint_folder(config), frames=frames, keeper=keeper)
    return evaluation.report.dice.value, evaluation.failures


def spacing_of(config: DictConfig, frames: "Sequence[Frame]") -> float | None:
    """The side of a pixel in millimetres: as configured, else as all DICOM files state it."""
    from nerveceg.data.sources import shared_spacing

    stated: float | None = config.data.spacing_mm
    return stated or shared_spacing(frame.image for frame in frames)


def show_report(evaluation: "Evaluation", output: Path) -> None:
    """Write the report and the tally to a folder, and print the report; the first process does."""
    from nerveceg.outputs.table import report_table

    if not is_first():
        return
    evaluation.report.save(output)
    evaluation.tally.save(output / "tally.npz")
    print(report_table(evaluation.report))


def require_whole(failures: Sequence[str]) -> None:
    """List the frames that were left out, and fail if there are any."""
    if failures:
        for line in failures:
            logger.warning("left out: %s", line)
        wait()  # the launcher ends all processes once one has failed
        raise DataError(f"{len(failures)} frames could not be scored and were left out (see above)")


def facts_of(config: DictConfig, rule: "Rule", *, split: str | None = None) -> dict[str, Any]:
    """Where a report's numbers come from; split: which frames, if not one fold's."""
    from nerveceg import __version__

    named = config.data.split
    one_fold = None if config.input else f"{named.by}, fold {config.fold or 0} of {named.folds}"
    return {
        "run": checkpoint_folder(config).name,
        "data": Path(config.input or data_in_words(config)).name,
        "split": split or one_fold,
        "rule": rule.to_dict(),
        "nerveceg": __version__,
    }
