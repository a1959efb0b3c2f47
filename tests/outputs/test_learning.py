import csv
import math

import pytest
from PIL import Image

from nerveceg.evaluation.bootstrap import Estimate
from nerveceg.evaluation.learning import Comparison, Point
from nerveceg.outputs.learning import write_learning

NAN = math.nan


@pytest.fixture
def written(tmp_path):
    """The folder of a table of two arms, one of which was tried with ten people alone."""
    known = {0: 0.61, 1: 0.69}
    points = [
        Point("imagenet", "10", "Dice", Estimate(0.65, 0.6, 0.7), known, None, {}),
        Point(
            *("phantom", "10", "Dice", Estimate(0.75, 0.7, 0.8), {0: 0.7, 1: 0.8}),
            *(Estimate(0.1, 0.05, 0.15), {0: 0.09, 1: 0.11}),
        ),
        Point("imagenet", "all", "Dice", Estimate(0.8, NAN, NAN), {0: 0.8}, None, {}),
    ]
    text = write_learning(
        tmp_path,
        Comparison(58, 18, 0.672, "imagenet", tuple(points)),
        title="Head start on necks",
        note="Machinery.",
        failures={"phantom_all_0": "train_cls: no memory"},
    )
    assert text == (tmp_path / "head_start.md").read_text()
    return tmp_path


def test_the_table_has_a_column_a_size_and_differences_below(written):
    lines = (written / "head_start.md").read_text().splitlines()
    rows = {line.split("|")[1].strip(): line for line in lines if line.startswith("|")}
    assert list(rows)[0] == "Dice"
    assert "10 people" in rows["Dice"]
    assert "all people" in rows["Dice"]
    assert "0.650 (0.600 to 0.700) [0.610, 0.690]" in rows["imagenet"]
    assert "0.800 [0.800]" in rows["imagenet"]
    less = rows["phantom less imagenet"]
    assert "+0.100 (+0.050 to +0.150) [+0.090, +0.110]" in less
    assert less.rstrip("| ").endswith("-")
    assert rows["all empty"].count("0.328") == 2
    assert "- phantom_all_0 failed: train_cls: no memory" in lines
    assert "**Machinery.**" in lines
    assert "58 held-out frames of 18 subjects, 0.672 with nerve" in lines


def test_the_csv_has_every_figure_in_full(written):
    with (written / "head_start.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["arm"] for row in rows] == ["imagenet", "phantom", "imagenet"]
    assert (rows[1]["difference_low"], rows[1]["by_seed"]) == ("0.05", "0:0.7 1:0.8")
    assert (rows[2]["low"], rows[2]["difference"]) == ("", "")


def test_the_picture_shows_every_arm_in_its_colour(written):
    picture = Image.open(written / "head_start.png").convert("RGB")
    pixels = {colour: count for count, colour in picture.getcolors(1 << 20)}
    assert {(0, 0, 0), (0, 114, 178)} <= pixels.keys()
    assert pixels[120, 120, 120] >= 330, "a line of what drawing nothing is worth"
