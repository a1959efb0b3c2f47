import pytest
import torch

from nerveceg.evaluation.baselines import fit_constant_mask
from nerveceg.evaluation.report import Report, make_report
from nerveceg.evaluation.results import ResultsBuilder
from nerveceg.evaluation.rows import DEFINITIONS
from nerveceg.outputs.table import report_table


def make(*, surface: bool, expected: float | None = None) -> Report:
    truth = torch.zeros(8, 1, 20, 30, dtype=torch.bool)
    truth[:4, :, 5:10, 8:20] = True
    constant = fit_constant_mask(truth[:4, 0].numpy())
    builder = ResultsBuilder(constant=constant) if surface else ResultsBuilder(surface=None)
    presence = torch.tensor([0.9, 0.8, 0.7, 0.1, 0.8, 0.2, 0.1, 0.1])
    builder.add(
        [f"{k // 2}_{k}" for k in range(8)],
        [str(k // 2) for k in range(8)],
        presence=presence,
        passed=presence > 0.5,
        mask=truth.roll(1, dims=3) | truth.roll(4, dims=0),
        truth=truth,
        expected=None if expected is None else torch.full((8,), expected),
        spread=None if expected is None else torch.zeros(8),
    )
    return make_report(builder.finish(), spacing_mm=0.1 if surface else None, resamples=50)


@pytest.mark.parametrize("surface", [True, False])
def test_the_console_table_fits_a_screen(surface):
    lines = report_table(make(surface=surface)).splitlines()
    assert len(lines) < 40
    assert max(map(len, lines)) <= 100


def test_the_console_table_begins_with_the_rows_and_names_their_n():
    text = report_table(make(surface=True))
    assert text.startswith("Dice over 8 frames of 4 subjects, 0.500 with nerve")
    places = [text.index(f"\n{name} ") for name in DEFINITIONS]
    assert places == sorted(places)
    assert "all empty" in text.splitlines()[5]
    assert "with nerve: 1 missed by the gate, 0 passed but drawn empty" in text
    assert "without nerve: 1 drawn, 0 passed but drawn empty" in text


def test_the_terms_of_the_loss_stand_in_three_lines():
    report = make(surface=True)
    text = report_table(report)
    assert f"where {report.loss.total:.3f} of the score is lost\nfalse alarms  0.125" in text
    assert "\nmisses        0.125" in text
    assert f"\ncontour       {report.loss.contour:.3f}" in text


def test_millimetres_and_distances_appear_only_where_known():
    assert "HD95 1.0 px (0.10 mm)" in report_table(make(surface=True))
    assert "HD95" not in report_table(make(surface=False))
    assert "nan" not in report_table(make(surface=False))


def test_contours_are_counted_under_their_own_name_and_said_to_be_counts():
    line = "some contour found (counts, not overlap): nerve 0.750, lack of nerve 0.750, loss 0.250"
    assert line in report_table(make(surface=True))
    assert "loss -" in report_table(make(surface=False))


def test_the_honesty_of_presence_and_of_what_was_expected_is_told():
    report = make(surface=True, expected=0.61)
    text = report_table(report)
    judged = report.expectation
    assert f"presence: NLL {report.reliability.nll.value:.3f} (" in text
    assert (
        f"expected Dice 0.610, realised {judged.realised:.3f}: gap {judged.gap.value:.3f}" in text
    )
    assert len(text.splitlines()) < 40
    assert "expected Dice" not in report_table(make(surface=True))
