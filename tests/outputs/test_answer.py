from nerveceg.outputs.answer import answer_line
from nerveceg.outputs.predictions import Row

NERVE = Row("1_12", "0.9312", "nerve", 5012, "140.2", "310.9", "0.8123", "0.0100", "no")
NONE = Row("1_13", "0.0312", "none", 0, "", "", "0.9688", "0.0100", "no")


def test_a_nerve_is_answered_with_its_place_and_size():
    assert answer_line(NERVE) == (
        "1_12: nerve, presence 0.9312, expected Dice 0.8123, area 5,012 px, "
        "centre at row 140.2 and column 310.9"
    )


def test_with_a_known_spacing_the_size_is_in_millimetres_too():
    assert "area 5,012 px (50.1 mm²)" in answer_line(NERVE, spacing_mm=0.1)


def test_no_nerve_is_answered_in_a_line_without_a_place():
    assert answer_line(NONE, spacing_mm=0.1) == (
        "1_13: no nerve, presence 0.0312, expected Dice 0.9688"
    )
