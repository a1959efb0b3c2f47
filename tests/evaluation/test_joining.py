"""What several processes counted is, joined, what one process counts."""

from dataclasses import fields

import numpy as np
import pytest
import torch

from nerveceg.evaluation.baselines import ConstantMask
from nerveceg.evaluation.joining import join_results, join_tallies
from nerveceg.evaluation.results import ResultsBuilder
from nerveceg.evaluation.tally import TallyBuilder

SIZES = [(20, 30), (20, 30), (24, 16), (20, 30), (24, 16)]
"""Of five batches; the last has one frame."""


@pytest.fixture(scope="module")
def batches():
    generator = torch.Generator().manual_seed(0)
    made, number = [], 0
    for size in SIZES:
        count = 1 if size is SIZES[-1] else 3
        ids = [f"{'long_' * (number % 3)}{number + k}" for k in range(count)]
        number += count
        probability = torch.rand(count, 1, *size, generator=generator)
        truth = torch.rand(count, 1, *size, generator=generator) > 0.7
        made.append((ids, torch.rand(count, generator=generator), probability, truth))
    return made


def count(batches, *, constant):
    tally = TallyBuilder(blur=1)
    results = ResultsBuilder(
        constant=ConstantMask(mean=torch.rand(1, 1, 8, 8), threshold=0.5) if constant else None
    )
    for ids, presence, probability, truth in batches:
        subjects = [name[-1] for name in ids]
        tally.add(ids, subjects, presence=presence, probability=probability, truth=truth)
        results.add(
            ids,
            subjects,
            presence=presence,
            passed=presence > 0.5,
            mask=probability > 0.6,
            truth=truth,
            groups=[{"device": name[:4]} for name in ids],
            expected=presence / 2,
            spread=presence / 3,
        )
    return tally.finish(), results.finish()


def same(one, other):
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, tuple):
        return all(map(same, one, other))
    if one is None:
        return other is None
    equal = np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
    return equal and one.dtype == other.dtype


@pytest.mark.parametrize("constant", [True, False])
@pytest.mark.parametrize("processes", [2, 3, 5])
def test_joined_parts_are_the_whole_to_the_bit_and_in_order(batches, processes, constant):
    torch.manual_seed(0)
    whole = count(batches, constant=constant)
    ids = [name for names, *_ in batches for name in names]
    parts = []
    for rank in range(processes):
        torch.manual_seed(0)
        parts.append(count(batches[rank::processes], constant=constant))
    tallies, results = zip(*parts, strict=True)
    joined = join_tallies(tallies, ids), join_results(results, ids)
    for one, other in zip(joined, whole, strict=True):
        for field in fields(other):
            assert same(getattr(one, field.name), getattr(other, field.name)), field.name


def test_frames_that_no_process_counted_are_left_out(batches):
    ids = [name for names, *_ in batches for name in names]
    parts = [count([batches[place]], constant=False)[0] for place in (3, 0)]
    joined = join_tallies(parts, ids)
    assert joined.ids.tolist() == [*batches[0][0], *batches[3][0]]
