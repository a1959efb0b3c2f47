from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor

from nerveceg.evaluation.baselines import ConstantMask
from nerveceg.evaluation.results import Results, ResultsBuilder

SIZE = (24, 32)


@dataclass
class Scans:
    """Made-up frames, what two stages say of them, and the results."""

    ids: list[str]
    subjects: list[str]
    presence: Tensor
    passed: Tensor
    probability: Tensor
    mask: Tensor
    truth: Tensor
    constant: ConstantMask
    groups: list[dict[str, str]]
    results: Results


@pytest.fixture(scope="session")
def scans() -> Scans:
    """240 frames of 12 subjects; the gate errs, and some masks are empty where it passed."""
    generator = torch.Generator().manual_seed(3)
    frames, subjects = 240, 12
    nerve = torch.rand(frames, generator=generator) < 0.4
    truth = _ellipses(frames, generator) & nerve[:, None, None, None]
    drawn = (
        _ellipses(frames, generator)
        & (torch.rand(frames, generator=generator) < 0.9)[:, None, None, None]
    )
    probability = 0.9 * drawn + 0.1 * torch.rand(drawn.shape, generator=generator)
    logit = 3 * (nerve.float() - 0.5) + torch.randn(frames, generator=generator)
    presence = (10 * logit).round().div(10).sigmoid()
    owners = torch.randint(subjects, (frames,), generator=generator)
    mean = torch.zeros(1, 1, *SIZE)
    mean[..., 8:16, 10:22] = 1
    parts = {
        "ids": [f"f{k}" for k in range(frames)],
        "subjects": [f"s{owner}" for owner in owners],
        "presence": presence,
        "passed": presence > 0.56,
        "mask": probability >= 0.5,
        "truth": truth,
        "groups": [{"device": "AB"[k % 2]} for k in range(frames)],
    }
    constant = ConstantMask(mean=mean, threshold=0.5)
    builder = ResultsBuilder(constant=constant)
    builder.add(parts.pop("ids"), parts.pop("subjects"), **parts)
    results = builder.finish()
    return Scans(
        ids=list(results.ids),
        subjects=list(results.subjects),
        probability=probability,
        constant=constant,
        results=results,
        **parts,
    )


def _ellipses(frames: int, generator: torch.Generator) -> Tensor:
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    row, column = 12 + 3 * torch.randn(2, frames, 1, 1, 1, generator=generator)
    height, width = 3 + 4 * torch.rand(2, frames, 1, 1, 1, generator=generator)
    there = (torch.from_numpy(rows) - row) / height
    return there**2 + ((torch.from_numpy(columns) - 4 - column) / (2 * width)) ** 2 < 1
