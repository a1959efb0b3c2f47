import re

import numpy as np
import pytest

from nerveceg.outputs.html.plot import Axis, Bar, Plot


@pytest.mark.parametrize(
    ("low", "high"), [(0, 1), (0, 5635), (-0.05, 1.05), (0.7, 0.8), (0.0001, 0.0009)]
)
def test_ticks_are_few_round_and_inside(low, high):
    ticks = Axis("x", low, high).ticks()
    assert 3 <= len(ticks) <= 8
    assert low - 1e-9 <= ticks.min() <= ticks.max() <= high + 1e-9
    np.testing.assert_allclose(np.diff(ticks), ticks[1] - ticks[0])
    assert not np.signbit(ticks[np.isclose(ticks, 0)]).any()


def test_the_corners_of_the_axes_are_the_corners_of_the_drawing():
    plot = Plot(Axis("x", 2, 4), Axis("y", 10, 20), says="s", width=360, height=250)
    plot.line([2, 4], [10, 20], style="a")
    assert 'd="M46.0 212.0L350.0 10.0"' in plot.svg()


def test_names_are_escaped_and_points_that_are_not_finite_left_out():
    plot = Plot(Axis("<x>"), Axis("y"), says='"><script>')
    plot.dots([0.5, np.nan], [0.5, 0.5], style="a", shape="dot", name="<img src=x>")
    drawing = str(plot.svg())
    assert "<img" not in drawing
    assert "<script" not in drawing
    assert "nan" not in drawing


def test_the_heights_of_bars_are_their_numbers_and_parts_stand_on_each_other():
    plot = Plot(Axis("x", 0, 3), Axis("y", 0, 10), says="s", width=360, height=250)
    bars = [Bar("<1>", ((4, "a"), (6, "b"))), Bar("2", ((0, "a"), (5, "b"))), Bar("3", ((2, "a"),))]
    plot.bars(bars, range(4), names={"a": "one", "b": "other"})
    drawing = str(plot.svg())
    found = re.findall(
        r'class="bar (\w)" x="([\d.]+)" y="([-\d.]+)" width="[\d.]+" height="([\d.]+)"', drawing
    )
    *drawn, one, other = [(style, *map(float, numbers)) for style, *numbers in found]
    ground, unit = 250 - 38, (250 - 38 - 10) / 10
    heights = [(style, height / unit) for style, _, _, height in drawn]
    wanted = [("a", 4), ("b", 6), ("a", 0), ("b", 5), ("a", 2)]
    for (style, height), (wanted_style, wanted_height) in zip(heights, wanted, strict=True):
        assert (style, height) == (wanted_style, pytest.approx(wanted_height, abs=0.01))
    lower, upper = drawn[:2]
    assert lower[2] + lower[3] == pytest.approx(ground, abs=0.1)
    assert upper[2] + upper[3] == pytest.approx(lower[2], abs=0.15)
    assert lower[1] < drawn[2][1] < drawn[4][1]
    assert "<title>&lt;1&gt;</title>" in drawing
    assert (one[0], other[0]) == ("a", "b")
    assert drawing.index(">one<") < drawing.index(">other<")


def test_named_places_stand_in_for_numbers():
    plot = Plot(Axis("x", 0, 2, [(0.5, "P<1>"), (1.5, "P2")]), Axis("y"), says="s")
    words = re.findall(r'<text class="" x="([\d.]+)" y="226.0"[^>]*>([^<]+)<', str(plot.svg()))
    assert words == [("122.0", "P&lt;1&gt;"), ("274.0", "P2")]
