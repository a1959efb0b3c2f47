import numpy as np
import pytest

from nerveceg.data.phantom.probe import Probe, draw_probe

RAMP = np.broadcast_to(np.linspace(20, 250, 580).astype(np.uint8), (420, 580))


def test_a_straight_probe_leaves_the_picture_as_it_is():
    assert Probe().show(RAMP) is RAMP


@pytest.mark.parametrize("form", ["opened", "curved"])
def test_a_fan_is_dark_beside_its_borders_and_narrowest_at_the_top(form):
    picture = Probe(form=form, opening=0.8).show(RAMP)
    lit = (picture > 0).sum(axis=1)
    assert lit[30] < lit[300] - 50
    assert not picture[25, 0]


@pytest.mark.parametrize("form", ["straight", "opened", "curved"])
def test_a_mask_moves_with_its_picture(form):
    picture, mask = np.full((420, 580), 40, np.uint8), np.zeros((420, 580), np.bool_)
    mask[150:220, 250:360] = True
    picture[mask] = 200
    probe = Probe(form=form, opening=0.7, magnified=1.3, row=170.0, column=300.0)
    moved = probe.show_mask(mask)
    assert moved.any()
    assert ((probe.show(picture) > 120) != moved).mean() < 0.001


def test_magnified_pictures_keep_the_point_that_they_are_magnified_about():
    mask = np.zeros((420, 580), np.bool_)
    mask[190:211, 280:301] = True
    moved = Probe(magnified=2.0, row=200.0, column=290.0).show_mask(mask)
    rows, columns = np.nonzero(moved)
    assert moved.sum() == pytest.approx(4 * mask.sum(), rel=0.1)
    assert (rows.mean(), columns.mean()) == pytest.approx((200, 290), abs=1)


def test_a_share_of_probes_is_curved():
    random = np.random.default_rng(0)
    draw = [
        draw_probe(random, curved=0.5, magnified=1.0, centre=(140.0, 300.0)).form
        for _ in range(200)
    ]
    assert 60 < draw.count("straight") < 140
    assert set(draw) == {"straight", "opened", "curved"}
