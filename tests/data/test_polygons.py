import numpy as np
import pytest
from PIL import Image, ImageDraw

from nerveceg.data.polygons import fill_counts, fill_polygon, unpack_counts

# What pycocotools 2.0 makes of polygons on 12 x 14 pixels: its runs (frPyObjects) and its masks
# (decode). Compared with it on 3,000 random polygons in and out of the picture, none differed.
DRAWN = [
    (
        [-0.99, 7.66, 9.01, 15.24, 5.9, 15.63, 3.31, 14.43, 14.22, -1.27, 10.26, 14.58],
        "81U10WO0O0O1N2O1O1N2ON1O2M4",
        [
            "00000000000001",
            "00000000000011",
            "00000000000010",
            "00000000000110",
            "00000000001110",
            "00000000001110",
            "00000000011100",
            "00000000111100",
            "10000001111100",
            "00000001111000",
            "00010011111000",
            "00001111111000",
        ],
    ),
    (
        [8.8, 10.47, 2.01, 5.66, 9.42, 2.05, 9.5, 2.41, 7.59, 0.7, 12.63, 12.72],
        "m01;1N101N2O0NKM66O2M2O=",
        [
            "00000000000000",
            "00000000100000",
            "00000000000000",
            "00000011100000",
            "00001111100000",
            "00111111110000",
            "00011111110000",
            "00000111110000",
            "00000011111000",
            "00000000111000",
            "00000000011100",
            "00000000000100",
        ],
    ),
    (
        [10.23, 11.55, 1.0, 5.32, 9.67, 2.6, 7.71, 13.52, 2.42, 10.61, 6.25, -0.36],
        "a01;0I025OKN3ON22MO40NN31M10N81V1",
        [
            "00000000000000",
            "00000010000000",
            "00000110000000",
            "00000111100000",
            "00001000100000",
            "01110000100000",
            "00010000000000",
            "00010000000000",
            "00011100000000",
            "00011110110000",
            "00111111010000",
            "00001111000000",
        ],
    ),
    (
        [12.16, 1.55, 10.3, -0.61, 6.81, 14.28, 12.53, 5.26, -1.43, 11.26, 9.51, 3.08],
        "e01:10O01O0010OKO064LJO201OO0i0",
        [
            "00000000001000",
            "00000000001100",
            "00000000000000",
            "00000000000000",
            "00000000100000",
            "00000011100000",
            "00000111101100",
            "00001110111000",
            "00111000110000",
            "01100000110000",
            "00000000100000",
            "00000001000000",
        ],
    ),
]


@pytest.mark.parametrize(("corners", "counts", "rows"), DRAWN)
def test_a_polygon_is_filled_as_pycocotools_does(
    corners: list[float], counts: str, rows: list[str]
) -> None:
    drawn = np.array([[pixel == "1" for pixel in row] for row in rows])

    np.testing.assert_array_equal(fill_polygon(corners, (12, 14)), drawn)
    np.testing.assert_array_equal(fill_counts(unpack_counts(counts), (12, 14)), drawn)


def test_a_large_polygon_covers_what_pillow_draws_but_for_its_edge() -> None:
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    corners = np.stack([60 + 40 * np.cos(angle), 50 + 25 * np.sin(angle)], 1)
    picture = Image.new("1", (120, 100))
    ImageDraw.Draw(picture).polygon([tuple(xy - 0.5) for xy in corners], fill=1)

    mine = fill_polygon(corners.ravel().tolist(), (100, 120))

    assert (mine != np.array(picture)).sum() < 0.06 * mine.sum()
    assert mine.sum() == pytest.approx(np.pi * 40 * 25, rel=0.01)


def test_a_rectangle_on_pixel_edges_is_those_pixels() -> None:
    wanted = np.zeros((8, 9), dtype=np.bool_)
    wanted[2:5, 3:7] = True

    np.testing.assert_array_equal(fill_polygon([3, 2, 7, 2, 7, 5, 3, 5], (8, 9)), wanted)


def test_a_polygon_outside_the_picture_is_empty() -> None:
    assert not fill_polygon([20, 20, 30, 20, 30, 30], (8, 9)).any()


def test_runs_cut_short_are_refused() -> None:
    with pytest.raises(ValueError, match="cut short"):
        unpack_counts("o")
