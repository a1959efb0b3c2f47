from collections.abc import Callable

import numpy as np
import pytest

from nerveceg.evaluation.counts import Counts
from nerveceg.evaluation.report import make_report
from nerveceg.evaluation.results import Results
from nerveceg.outputs.html.report import Saved


def make_results(frames: int, *, subjects: int, seed: int = 0) -> Results:
    """Made-up frames: presence that knows something, masks that overlap more or less."""
    draw = np.random.default_rng(seed)
    owner = draw.integers(subjects, size=frames)
    nerve = draw.random(frames) < 0.4
    truth = np.where(nerve, draw.integers(2000, 9000, frames), 0)
    presence = np.clip((draw.normal(0.3 + 0.4 * nerve, 0.25) * 50).round() / 50, 0.02, 0.98)
    area = draw.integers(1500, 9000, frames) * (draw.random(frames) < 0.95)
    hits = (np.minimum(area, truth) * draw.random(frames)).astype(np.int64)
    passed, unknown = presence > 0.5, np.full(frames, np.nan)
    return Results(
        ids=np.array([f"{owner[k] + 1}_{k}" for k in range(frames)]),
        subjects=np.array([str(one + 1) for one in owner]),
        groups={"device": np.array(["AB"[k % 2] for k in range(frames)])},
        height=np.full(frames, 420),
        width=np.full(frames, 580),
        truth_area=truth,
        presence=presence.astype(np.float32),
        passed=passed,
        mask=Counts(hits, area),
        constant=None,
        hd95=unknown,
        nsd=unknown,
        row=unknown,
        column=unknown,
        contours=unknown,
        truth_contours=unknown,
        expected=np.where(passed, presence * 0.8, 1 - presence).astype(np.float32),
        spread=np.full(frames, 0.1, np.float32),
    )


def save(results: Results, **facts: object) -> Saved:
    report = make_report(results, resamples=50, facts=facts)
    return Saved(report.to_dict(), results, None)


@pytest.fixture(scope="session")
def results() -> Results:
    return make_results(300, subjects=12)


@pytest.fixture(scope="session")
def make() -> Callable[..., Results]:
    return make_results


@pytest.fixture(scope="session")
def saved() -> Callable[..., Saved]:
    return save
