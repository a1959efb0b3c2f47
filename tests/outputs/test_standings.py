import csv

import numpy as np
import pytest
from PIL import Image

from nerveceg.evaluation.bootstrap import Estimate
from nerveceg.evaluation.cost import Cost
from nerveceg.evaluation.rows import Row
from nerveceg.evaluation.standings import ALL_EMPTY, Standing, Standings
from nerveceg.outputs.forest import BASELINE, REFERENCE, draw_forest
from nerveceg.outputs.standings import Caption, write_standings

NAN = float("nan")
CAPTION = Caption("Ladder quick: necks", "Machinery, not a ranking.", "an abacus, 2 beads")


def standing(name, dice, *, difference=None, cost=None):
    rates = [Estimate(value, NAN, NAN) for value in (0.25, NAN, 0.75, 1.0)]
    return Standing(name, Row(name, "", Estimate(*dice), *rates), difference, cost)


@pytest.fixture
def standings():
    rows = (
        standing(ALL_EMPTY, (0.5, 0.4, 0.6), difference=Estimate(-0.125, -0.25, 0.0)),
        standing("ours", (0.625, 0.5, 0.75), cost=Cost(2_345_678, 0.5271, 17.4)),
        standing("alone", (0.3, NAN, NAN), difference=Estimate(-0.325, NAN, NAN)),
    )
    return Standings(40, 8, 0.475, "ours", rows)


@pytest.fixture
def written(standings, tmp_path):
    failures = {"broken": "train_seg: no, such encoder"}
    write_standings(tmp_path, standings, failures=failures, caption=CAPTION)
    return tmp_path


def cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_markdown_table_holds_every_figure_under_its_warning(written):
    lines = (written / "ladder.md").read_text().splitlines()
    assert lines[0] == "## Ladder quick: necks"
    assert lines[2] == "**Machinery, not a ranking.**"
    assert lines[4] == "40 held-out frames of 8 subjects, 0.475 with nerve"
    header, _, *rows = (cells(line) for line in lines if line.startswith("|"))
    assert header[-4:] == ["parameters, 1e6", "GFLOP", "ms a frame", "Dice less ours's (95 %)"]
    rates = ["0.250", "0.750", "1.000"]
    assert rows == [
        ["all empty", "0.500 (0.400 to 0.600)", *rates, *"---", "-0.125 (-0.250 to +0.000)"],
        ["ours", "0.625 (0.500 to 0.750)", *rates, "2.35", "0.53", "17", "-"],
        ["alone", "0.300", *rates, *"---", "-0.325"],
    ]
    assert "- broken failed: train_seg: no, such encoder" in lines
    assert lines[-1].endswith("an image in memory to its mask, on an abacus, 2 beads.")
    assert "a multiply-accumulate as two" in lines[-1]


def test_the_csv_holds_them_in_full(written):
    with (written / "ladder.csv").open() as file:
        rows = {row.pop("row"): row for row in csv.DictReader(file)}
    assert list(rows) == ["all empty", "ours", "alone", "broken"]
    assert {name: value for name, value in rows["ours"].items() if value} == {
        "dice": "0.625",
        "dice_low": "0.5",
        "dice_high": "0.75",
        "dice_on_nerve": "0.25",
        "sensitivity": "0.75",
        "specificity": "1.0",
        "parameters": "2345678",
        "gflop": "0.5271",
        "milliseconds": "17.4",
    }
    assert [rows["all empty"][f"difference{end}"] for end in ("", "_low", "_high")] == [
        "-0.125",
        "-0.25",
        "0.0",
    ]
    assert {name for name, value in rows["broken"].items() if value} == {"failure"}
    assert rows["broken"]["failure"] == "train_seg: no, such encoder"


def test_a_ladder_without_a_warning_has_none(standings, tmp_path):
    text = write_standings(tmp_path, standings, failures={}, caption=CAPTION._replace(note=None))
    assert "**" not in text
    assert "failed" not in text


def test_dots_lie_in_the_picture_as_their_scores_do(standings, written):
    assert Image.open(written / "ladder.png").format == "PNG"
    picture = np.asarray(draw_forest(standings, title="t", note=None))
    empty, ours = (
        np.flatnonzero((picture == colour).all(-1).sum(0) >= least)
        for colour, least in ((BASELINE, 60), (REFERENCE, 9))
    )
    # The baseline's line goes through all rows; the reference's dot is higher than its bar.
    assert empty.mean() < ours.mean()
    axis = 560
    assert (ours.mean() - empty.mean()) / axis == pytest.approx(0.125, abs=0.005)
