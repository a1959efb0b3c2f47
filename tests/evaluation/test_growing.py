"""Rows that come part by part are those of one concatenation."""

import pytest
import torch

from nerveceg.evaluation.growing import FIRST, Growing, Names


@pytest.mark.parametrize("sizes", [[3], [0, 2, 0, 5], [FIRST, 1], [FIRST - 1, 1, 1, 3 * FIRST]])
@pytest.mark.parametrize("shape", [(), (7,)])
def test_the_parts_come_back_in_order(sizes, shape):
    parts = [torch.randint(-9, 9, (size, *shape), dtype=torch.int32) for size in sizes]
    growing = Growing()
    for part in parts:
        growing.add(part)
    assert torch.equal(growing.all(), torch.cat(parts))
    assert growing.all().dtype == torch.int32


def test_what_was_given_may_change_afterwards():
    growing, part = Growing(), torch.ones(2)
    growing.add(part)
    part.zero_()
    assert growing.all().tolist() == [1, 1]


def test_rows_of_another_shape_are_refused():
    growing = Growing()
    growing.add(torch.ones(2, 3))
    with pytest.raises(ValueError, match="behind rows"):
        growing.add(torch.ones(2, 1))


def test_nothing_is_refused():
    with pytest.raises(ValueError, match="nothing was added"):
        Growing().all()


def test_names_come_back_as_two_columns():
    names = Names()
    names.add(["1_1", "1_2"], ["1", "1"])
    names.add(["2_1"], ["2"])
    ids, subjects = names.columns()
    assert (len(names), ids.tolist(), subjects.tolist()) == (3, ["1_1", "1_2", "2_1"], [*"112"])
    with pytest.raises(ValueError, match="1 ids and 2 subjects"):
        names.add(["3_1"], ["3", "4"])
