from dataclasses import fields, replace

import numpy as np
import pandas as pd
import pytest

from nerveceg.errors import DataError
from nerveceg.evaluation.counts import Counts
from nerveceg.evaluation.report import make_report
from nerveceg.evaluation.saved import read_results


def assert_same(ours, wanted):
    for column in fields(wanted):
        one, other = getattr(ours, column.name), getattr(wanted, column.name)
        if isinstance(other, np.ndarray):
            numbers = other.dtype.kind == "f"
            assert np.array_equal(one, other, equal_nan=numbers), column.name
            assert one.dtype.kind == other.dtype.kind, column.name
            assert one.dtype.itemsize == other.dtype.itemsize or other.dtype.kind == "U"
        elif isinstance(other, Counts):
            assert np.array_equal(one, other), column.name
        elif other is None:
            assert one is None, column.name
        else:
            assert one.keys() == other.keys()
            assert all(list(one[name]) == list(other[name]) for name in other)


def test_saved_results_come_back_bit_by_bit(scans, tmp_path):
    generator = np.random.default_rng(0)
    told = generator.random((2, 240)).astype(np.float32)
    results = replace(scans.results, expected=told[0], spread=told[1])
    make_report(results, resamples=2).save(tmp_path)
    assert_same(read_results(tmp_path), results)


def test_names_that_look_like_something_else_stay_names(scans, tmp_path):
    ids = [f"{k:04d}" for k in range(240)]
    subjects = ["NA", "", "007", "1e3", 'with "quotes", and commas'] * 48
    changed = {"ids": np.array(ids), "subjects": np.array(subjects), "constant": None}
    results = replace(scans.results, **changed)
    make_report(results, resamples=2).save(tmp_path)
    assert_same(read_results(tmp_path), results)


def test_a_table_of_an_earlier_version_comes_back_without_contours(scans, tmp_path):
    make_report(scans.results, resamples=2).save(tmp_path)
    path = tmp_path / "frames.csv"
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    table.drop(columns=["contours", "truth_contours"]).to_csv(path, index=False)
    blank = np.full(240, np.nan)
    wanted = replace(scans.results, contours=blank, truth_contours=blank)
    assert_same(read_results(tmp_path), wanted)


def test_a_folder_without_the_table_is_refused_with_the_command_that_makes_it(tmp_path):
    with pytest.raises(DataError, match=r"frames\.csv doesn't exist: make it with .*evaluate\.py"):
        read_results(tmp_path)


BROKEN = {
    "nothing": "",
    "another table": "id,presence\n1,0.5\n",
    "a word for a number": "{head}\na,s,x,1,1,.5,True,1,1,,,1,,,,,,\n",
    "a number for a truth": "{head}\na,s,1,1,1,.5,1,1,1,,,1,,,,,,\n",
    "a row too long": "{head}\na,s,1,1\na,s,1,1,1,.5,True,1,1,,,1,,,,,,,,,,\n",
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_no_table_of_frames_is_refused_in_one_line(case, scans, tmp_path):
    columns = [name for name in scans.results.table() if not name.startswith("group_")]
    text = BROKEN[case].format(head=",".join(columns))
    (tmp_path / "frames.csv").write_text(text)
    with pytest.raises(DataError, match=r"frames\.csv is no table of frames") as caught:
        read_results(tmp_path)
    assert "\n" not in str(caught.value)
