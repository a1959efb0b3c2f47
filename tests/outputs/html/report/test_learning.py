import pytest

from nerveceg.outputs.html.report.learning import draw_learning, read_log


def test_a_log_whose_last_line_a_crash_cut_short_gives_the_others(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text('{"epoch": 1, "loss": 0.5}\n{"epoch": 2, "loss": 0.4}\n{"epoch": 3, "lo')
    assert [line["epoch"] for line in read_log(path)] == [1, 2]
    assert read_log(tmp_path / "none.jsonl") == []


def test_each_member_is_a_line_in_loss_and_score():
    lines = [{"epoch": k, "loss": 1 / k, "rate": 0.1, "dice": 1 - 1 / k} for k in (1, 2, 3)]
    loss, score = draw_learning({"fold_0": lines, "fold_1": lines[:2], "fold_2": []})
    for drawing in (loss, score):
        assert [drawing.count(f">fold_{k}<") for k in range(3)] == [1, 1, 0]
    assert ">dice<" in score


@pytest.mark.parametrize("loss", [float("nan"), None, "high"])
def test_values_that_are_no_numbers_are_left_out(loss):
    lines = [{"epoch": 1, "loss": loss}, {"epoch": 2, "loss": 0.3}]
    (drawing,) = draw_learning({".": lines})
    assert "nan" not in drawing
    assert draw_learning({".": lines[:1]}) == ()


def test_a_single_epoch_is_a_dot_over_its_number():
    (drawing,) = draw_learning({".": [{"epoch": 1, "loss": 0.3}]})
    assert 'class="mark dot a"' in drawing
    assert [drawing.count(f">{epoch}<") for epoch in ("0", "1", "0.2")] == [1, 1, 0]
