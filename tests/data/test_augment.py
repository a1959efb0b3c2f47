import random
from pathlib import Path

import hydra
import numpy as np
import pytest
import yaml
from albumentations import Affine

import conf
from nerveceg.data.augment import Gain, Speckle, compose


@pytest.fixture
def frame():
    """A frame with speckle, a black margin at its right, and a mask."""
    image = np.random.default_rng(0).integers(40, 160, (64, 96), dtype=np.uint8)
    image[:, 80:] = 0
    mask = np.zeros((64, 96), np.uint8)
    mask[20:36, 30:54] = 1
    return {"image": image, "mask": mask}


def seeded(augment, seed):
    augment.set_random_state(np.random.default_rng(seed), random.Random(seed))
    return augment


def changed(transforms, frame, seed=0):
    augment = seeded(compose(transforms), seed)
    return augment(**{name: pixels.copy() for name, pixels in frame.items()})


@pytest.mark.parametrize("transform", [Speckle(p=1), Gain(p=1)])
def test_only_the_image_changes_and_stays_uint8_of_its_shape(transform, frame):
    shown = changed([transform], frame)
    assert shown["image"].shape == (64, 96)
    assert shown["image"].dtype == np.uint8
    assert not np.array_equal(shown["image"], frame["image"])
    assert np.array_equal(shown["mask"], frame["mask"])


@pytest.mark.parametrize("transform", [Speckle(p=1), Gain(p=1)])
def test_what_holds_no_echo_stays_black(transform, frame):
    for seed in range(20):
        assert not changed([transform], frame, seed)["image"][:, 80:].any()


@pytest.mark.parametrize("transform", [Speckle(p=0.5), Gain(p=0.5)])
def test_a_seed_repeats_itself_and_seeds_differ(transform, frame):
    first, again, *others = (
        changed([transform], frame, seed)["image"].tobytes() for seed in (1, 1, *range(2, 12))
    )
    assert first == again
    assert len({first, *others}) > 3


def test_a_pipeline_goes_on_as_it_was_seeded_whatever_it_showed_before(frame):
    augment = compose([Affine(rotate=(-10, 10), p=1), Speckle(p=0.5), Gain(p=0.5)])
    shown = []
    for before in (0, 1, 5):
        for _ in range(before):
            augment(**frame)
        shown.append(seeded(augment, 42)(**frame)["image"])
    assert np.array_equal(shown[0], shown[1])
    assert np.array_equal(shown[0], shown[2])


def test_the_mask_moves_with_the_image(frame):
    frame["image"] = frame["mask"] * np.uint8(200)
    for seed in range(10):
        affine = Affine(rotate=(-10, 10), translate_percent=(-0.1, 0.1), scale=(0.8, 1.2), p=1)
        shown = changed([affine], frame, seed)
        assert np.mean((shown["image"] >= 100) != shown["mask"]) < 0.005
        assert not np.array_equal(shown["mask"], frame["mask"])


def test_speckle_has_the_strength_asked_for_and_is_wider_than_deep(frame):
    flat = {"image": np.full((256, 352), 120, np.uint8), "mask": np.zeros((256, 352), np.uint8)}
    shown = changed([Speckle(strength=(0.1, 0.1), p=1)], flat)["image"].astype(float)
    assert shown.std() == pytest.approx(12, rel=0.05)
    assert abs(shown.mean() - 120) < 1
    down, across = (np.abs(np.diff(shown, axis=axis)).mean() for axis in (0, 1))
    assert across < 0.6 * down


def test_gain_adds_decibels_that_ramp_with_depth_and_stay_in_their_range():
    flat = {"image": np.full((64, 96), 120, np.uint8), "mask": np.zeros((64, 96), np.uint8)}
    most = 255 / 60
    for seed in range(20):
        overall = changed([Gain(overall=4, depth=0, lateral=0, p=1)], flat, seed)["image"]
        assert np.ptp(overall) == 0
        assert abs(int(overall[0, 0]) - 120) <= 4 * most + 1
        ramp = changed([Gain(overall=0, depth=6, lateral=0, p=1)], flat, seed)["image"]
        assert (ramp[0] == 120).all()
        steps = np.diff(ramp[:, 0].astype(int))
        assert (steps >= 0).all() or (steps <= 0).all()
        assert abs(int(ramp[-1, 0]) - 120) <= 6 * most + 1


@pytest.mark.parametrize("name", ["ultrasound", "none"])
def test_the_configured_augmentation_keeps_masks_two_valued(name, frame):
    path = Path(conf.__file__).parent / "augment" / f"{name}.yaml"
    settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    augment = hydra.utils.instantiate(settings, _convert_="all")
    unlike = 0
    for seed in range(40):
        shown = seeded(augment, seed)(**frame)
        assert shown["image"].shape == shown["mask"].shape == (64, 96)
        assert shown["image"].dtype == shown["mask"].dtype == np.uint8
        assert set(np.unique(shown["mask"])) <= {0, 1}
        assert shown["mask"].sum() > 100, "the nerve in the middle was lost"
        unlike += not np.array_equal(shown["image"], frame["image"])
    assert unlike > 35 if name == "ultrasound" else unlike == 0
