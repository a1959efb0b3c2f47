import numpy as np
import pytest
import torch
from scipy import ndimage

from nerveceg.errors import NerveCegError
from nerveceg.evaluation.results import Results, ResultsBuilder
from nerveceg.evaluation.surface import surface_scores


def test_every_row_equals_a_recount_of_its_masks(scans):
    results = scans.results
    for k, (mask, truth) in enumerate(zip(scans.mask.numpy(), scans.truth.numpy(), strict=True)):
        assert results.truth_area[k] == truth.sum()
        assert (results.mask.hits[k], results.mask.area[k]) == ((mask & truth).sum(), mask.sum())
        contours = [ndimage.label(one[0], np.ones((3, 3)))[1] for one in (mask, truth)]
        assert [results.contours[k], results.truth_contours[k]] == contours
        distances = surface_scores(mask[0], truth[0])
        assert np.array_equal((results.hd95[k], results.nsd[k]), distances, equal_nan=True)
        centre = ndimage.center_of_mass(mask[0]) if mask.any() else (np.nan, np.nan)
        assert (results.row[k], results.column[k]) == pytest.approx(centre, nan_ok=True)


def test_dice_is_that_of_the_mask_that_passed_the_gate(scans):
    for k, score in enumerate(scans.results.dice()):
        mask = scans.mask[k] if scans.passed[k] else torch.zeros_like(scans.mask[k])
        total = int(mask.sum() + scans.truth[k].sum())
        assert score == (2 * int((mask & scans.truth[k]).sum()) / total if total else 1.0)


def test_the_constant_mask_is_counted_on_every_frame(scans):
    constant = scans.constant.at(24, 32)
    hits = (constant & scans.truth).sum((1, 2, 3)).numpy()
    assert np.array_equal(scans.results.constant.hits, hits)
    assert (scans.results.constant.area == 96).all()


def add(builder: ResultsBuilder, scans, places: torch.Tensor, groups=None) -> None:
    builder.add(
        [scans.ids[k] for k in places],
        [scans.subjects[k] for k in places],
        presence=scans.presence[places],
        passed=scans.passed[places],
        mask=scans.mask[places],
        truth=scans.truth[places],
        groups=groups,
    )


def test_order_and_batches_do_not_matter(scans):
    order = torch.randperm(240, generator=torch.Generator().manual_seed(5))
    builder = ResultsBuilder(constant=scans.constant)
    for part in order.split(7):
        add(builder, scans, part, [scans.groups[k] for k in part])
    wanted = scans.results.table().iloc[order.numpy()].reset_index(drop=True)
    assert builder.finish().table().equals(wanted)


def test_frames_of_several_sizes_stand_in_one_table():
    builder = ResultsBuilder()
    for name, size in (("a", (10, 12)), ("b", (20, 30))):
        ones = torch.ones(1, 1, *size, dtype=torch.bool)
        passed, presence = torch.tensor([True]), torch.tensor([0.9])
        builder.add([name], ["s"], presence=presence, passed=passed, mask=ones, truth=ones)
    results = builder.finish()
    assert list(results.height * results.width) == list(results.truth_area) == [120, 600]
    assert list(results.dice()) == [1, 1]


def test_a_group_that_a_frame_lacks_is_blank(scans):
    builder = ResultsBuilder()
    add(builder, scans, torch.arange(2), [{"device": "A"}, {"site": "north"}])
    groups = builder.finish().groups
    assert {name: list(column) for name, column in groups.items()} == {
        "device": ["A", ""],
        "site": ["", "north"],
    }


def test_without_constant_mask_and_distances_their_columns_are_blank(scans) -> None:
    builder = ResultsBuilder(surface=None)
    add(builder, scans, torch.arange(3))
    results: Results = builder.finish()
    assert results.constant is None
    blank = ["constant_hits", "constant_area", "hd95", "nsd", "contours", "truth_contours"]
    assert results.table()[blank].isna().all(axis=None)


def test_no_frame_is_refused():
    with pytest.raises(NerveCegError, match="no frame was evaluated"):
        ResultsBuilder().finish()
