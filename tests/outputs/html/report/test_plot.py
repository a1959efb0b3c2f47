import numpy as np
import pytest

from nerveceg.outputs.html.report.plot import Axis, Plot


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
