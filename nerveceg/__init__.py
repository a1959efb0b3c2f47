"""NerveCeg finds nerves in ultrasound: a gate for presence, a segmenter for the contour, one score.

Research use only; not a medical device.
"""

from importlib import import_module
from pathlib import Path
from typing import Any

__version__ = "0.1.0"

# In a checkout conf/ and tools/ lie beside this folder, in a wheel inside it: nerveceg.conf and
# nerveceg.tools name them in both.
if not (Path(__file__).parent / "conf").is_dir():
    __path__.append(str(Path(__file__).parents[1]))

_PUBLIC = {
    "Frame": "data.frames",
    "find_frames": "data.frames",
    "Split": "data.splits",
    "split_by_subject": "data.splits",
    "split_frames": "data.splits",
    "write_phantom": "data.phantom",
    "find_conflicts": "data.conflicts.audit",
    "Geometry": "data.geometry",
    "FrameDataset": "data.dataset",
    "Classifier": "models.classifier",
    "Segmenter": "models.segmenter",
    "fit": "training.fit",
    "Calibration": "calibration",
    "Rule": "decision",
    "decide": "decision",
    "Pipeline": "pipeline",
    "Runtime": "runtime",
    "Eager": "engines",
    "Compiled": "engines",
    "OnnxRuntime": "engines",
    "OpenVino": "engines",
    "ExportedPipeline": "exported",
    "evaluate": "evaluation.evaluate",
    "evaluate_masks": "evaluation.masks",
    "Tally": "evaluation.tally",
    "tune_rule": "evaluation.tuning",
    "Report": "evaluation.report",
    "compare": "comparison",
    "NerveCegError": "errors",
    "DataError": "errors",
}
"""Public names in the order data meets them, each imported when first asked for."""

__all__ = [*_PUBLIC]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"nerveceg has no {name!r}")
    return getattr(import_module(f"nerveceg.{_PUBLIC[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
