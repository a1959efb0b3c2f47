from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.special import expit
from torch import Tensor

from nerveceg.data.frames import Frame
from nerveceg.data.runlength import encode_runs
from nerveceg.evaluation.baselines import ConstantMask
from nerveceg.evaluation.out_of_fold import LEVEL_SCALE, OutOfFold, half_size
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


@dataclass
class Law:
    """Made-up out-of-fold predictions whose law is known.

    predictions: what the networks said; true presence is sigmoid(slope * logit + intercept), and
        a pixel of a frame with nerve is nerve with probability sigmoid(pixel * mask logit).
    presence: float64 [F], the true one, from which truth was drawn.
    probability: float64 [F, h, w], true, given that the nerve is there.
    frames: the frames, whose truth at native pixels repeats that of every second pixel.
    """

    predictions: OutOfFold
    presence: NDArray[np.float64]
    probability: NDArray[np.float64]
    frames: list[Frame]


@pytest.fixture(scope="session")
def make_law(tmp_path_factory: pytest.TempPathFactory):
    """Makes a `Law`; where `telling`, maps of frames without nerve are fainter."""

    def make(
        subjects: int = 60,
        *,
        frames: int = 10,
        folds: int = 3,
        seed: int = 0,
        slope: float = 1.0,
        intercept: float = 0.0,
        pixel: float = 1.0,
        size: tuple[int, int] = (31, 44),
        telling: bool = False,
    ) -> Law:
        generator = np.random.default_rng(seed)
        owner = np.repeat(np.arange(subjects), frames)
        logit = generator.normal(size=subjects)[owner] + 1.5 * generator.normal(size=owner.size)
        presence = expit(logit)
        present = _systematic(presence, generator)
        edge = generator.uniform(0.4, 2.5, owner.size)
        edge = np.where(present, edge, 0.3 * edge) if telling else edge
        half = half_size(*size)
        maps = _soft_ellipses(edge, half, generator)
        truth = (generator.random(maps.shape) < expit(maps)) & present[:, None, None]
        native = truth.repeat(2, 1).repeat(2, 2)[:, : size[0], : size[1]]
        said = (logit - intercept) / slope
        predictions = OutOfFold(
            ids=np.array([f"{o}_{k}" for k, o in enumerate(owner)]),
            subjects=owner.astype(str),
            fold=(generator.permutation(subjects)[owner] % folds).astype(np.int32),
            logits=said.astype(np.float32)[:, None],
            height=np.full(owner.size, size[0], dtype=np.int32),
            width=np.full(owner.size, size[1], dtype=np.int32),
            truth_area=native.sum((1, 2)),
            levels=(255 * expit(maps / pixel / LEVEL_SCALE)).round().astype(np.uint8).ravel(),
            truth=np.packbits(truth.ravel()),
            views=np.array("[{}]"),
            split=np.array("{}"),
        )
        image = tmp_path_factory.mktemp("law") / "frame.png"
        Image.new("L", size[::-1]).save(image)
        rows = zip(predictions.ids, predictions.subjects, native, strict=True)
        listed = [Frame(str(i), str(s), Path(image), encode_runs(m)) for i, s, m in rows]
        return Law(predictions, presence, expit(maps), listed)

    return make


def _systematic(presence: NDArray[np.float64], generator: np.random.Generator) -> NDArray[np.bool_]:
    """Truth of each frame, drawn so that any stretch of presences has the share it should have."""
    order = np.argsort(presence)
    ends = np.floor(presence[order].cumsum() + generator.random())
    drawn = np.empty(len(order), dtype=np.bool_)
    drawn[order] = np.diff(ends, prepend=0) > 0
    return drawn


def _soft_ellipses(
    edge: NDArray[np.float64], size: tuple[int, int], generator: np.random.Generator
) -> NDArray[np.float64]:
    """Mask logits, float64 [F, h, w]: above 0 inside an ellipse, the steeper the greater `edge`."""
    rows, columns = np.mgrid[: size[0], : size[1]]
    row, column, height, width = (
        generator.uniform(low, high, (len(edge), 1, 1)) * extent
        for (low, high), extent in zip(
            [(0.4, 0.6), (0.4, 0.6), (0.2, 0.35), (0.2, 0.35)], size * 2, strict=True
        )
    )
    distance = np.hypot((rows - row) / height, (columns - column) / width)
    return 4 * edge[:, None, None] * (1 - distance)
