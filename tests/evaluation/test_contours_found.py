import cv2
import numpy as np
import pytest
import torch

from nerveceg.evaluation.contours_found import judge_contours_found
from nerveceg.evaluation.results import ResultsBuilder


def contours(mask):
    found, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return len(found)


def recount(mask, truth):
    """The original's counting, frame by frame."""
    pairs = [(contours(one[0]), contours(other[0])) for one, other in zip(mask, truth, strict=True)]
    nerve = [drawn for drawn, true in pairs if true]
    none = [drawn for drawn, true in pairs if not true]
    wrong = sum((drawn == 0 or drawn > true) if true else drawn > 0 for drawn, true in pairs)
    return sum(map(bool, nerve)) / len(nerve), none.count(0) / len(none), wrong / len(pairs)


def test_the_counts_are_those_of_the_original_on_final_masks(scans):
    final = scans.mask & scans.passed[:, None, None, None]
    found = judge_contours_found(scans.results)
    assert found == pytest.approx(recount(final.numpy(), scans.truth.numpy()))


def judge(mask, truth, **options):
    builder = ResultsBuilder(**options)
    count = len(mask)
    presence = torch.ones(count)
    names = [str(k) for k in range(count)]
    builder.add(names, names, presence=presence, passed=presence > 0, mask=mask, truth=truth)
    return judge_contours_found(builder.finish())


def test_a_stray_pixel_is_found_nerve_and_a_second_contour_is_a_loss():
    mask, truth = torch.zeros(2, 3, 1, 9, 9, dtype=torch.bool)
    truth[:2, :, 2:5, 2:5] = True
    mask[0, :, 8, 8] = True
    mask[1, :, 3, 3] = mask[1, :, 5, 5] = True
    assert judge(mask, truth) == (1, 1, pytest.approx(1 / 3))


def test_what_is_undefined_or_was_not_counted_is_nan():
    ones = torch.ones(2, 1, 5, 5, dtype=torch.bool)
    assert np.array_equal(judge(ones, ones), (1, np.nan, 0), equal_nan=True)
    uncounted = judge(ones, ones & False, surface=None)
    assert np.array_equal(uncounted, (np.nan, 0, np.nan), equal_nan=True)
