"""Batched augmentation: the distribution of conf/augment/ultrasound.yaml, drawn frame by frame."""

import random
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from hydra.utils import instantiate
from scipy import ndimage
from torch.optim import AdamW

from nerveceg.data.dataset import Batch, FrameDataset, collate
from nerveceg.data.on_device import (
    Blur,
    DeviceAugmentation,
    Elastic,
    Gain,
    Gamma,
    Speckle,
    Warp,
)
from nerveceg.runtime import Runtime
from nerveceg.training.fit import fit
from nerveceg.training.objectives import PresenceObjective
from nerveceg.training.schedules import constant

CONF = Path(__file__).parents[2] / "conf" / "augment"
SIZE = (64, 88)
DRAWS = 200


@pytest.fixture(scope="module")
def frame():
    """Smooth grey levels with a black margin, uint8, and a disc, bool."""
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    rough = ndimage.gaussian_filter(np.random.default_rng(0).standard_normal(SIZE), 2)
    image = (110 + 160 * rough).clip(1, 255).round().astype(np.uint8)
    image[:, 80:] = 0
    return image, (rows - 30) ** 2 + (columns - 40) ** 2 < 12**2


def shown(transforms, frame, seeds):
    """Images in grey levels, float [N, h, w], and masks, bool [N, h, w]."""
    image, mask = (torch.from_numpy(pixels)[None, None] for pixels in frame)
    count = len(seeds)
    images, masks = DeviceAugmentation(transforms)(
        image.float().div(255).expand(count, -1, -1, -1),
        mask.expand(count, -1, -1, -1),
        seeds=seeds,
    )
    assert images.dtype == torch.float32
    assert masks.dtype == torch.bool
    return 255 * images[:, 0].double().numpy(), masks[:, 0].numpy()


def figures(images, masks):
    """What tells one distribution of augmented frames from another, [draws, figures]."""
    rows = []
    for image, mask in zip(images, masks, strict=True):
        row, column = ndimage.center_of_mass(mask)
        down = image[:, :40]
        rows.append(
            [
                *(image.mean(), image.std(), np.median(image), (image < 0.5).mean()),
                down[40:].mean() - down[:24].mean(),
                np.abs(np.diff(image, axis=0)).mean(),
                np.abs(np.diff(image, axis=1)).mean(),
                *(mask.sum(), row, column, image[mask].mean()),
                np.corrcoef(*np.nonzero(mask))[0, 1],
            ]
        )
    return np.array(rows)


def assert_alike(ours, theirs):
    """Means within 4 standard errors of each other, spreads within 30 %, or rounding's own."""
    error = np.sqrt((ours.var(0) + theirs.var(0)) / DRAWS)
    assert (np.abs(ours.mean(0) - theirs.mean(0)) <= 4 * error + 0.6).all()
    ratio = (ours.std(0) + 0.05) / (theirs.std(0) + 0.05)
    assert (ratio < 1.3).all(), ratio
    assert (ratio > 1 / 1.3).all(), ratio


def by_albumentations(nodes, frame):
    augment = instantiate(
        {"_target_": "nerveceg.data.augment.compose", "transforms": nodes}, _convert_="all"
    )
    images, masks = [], []
    for seed in range(DRAWS):
        augment.set_random_state(np.random.default_rng(seed), random.Random(seed))
        changed = augment(image=frame[0].copy(), mask=frame[1].astype(np.uint8))
        images.append(changed["image"].astype(float))
        masks.append(changed["mask"] > 0)
    return np.stack(images), np.stack(masks)


def configured():
    return instantiate(yaml.safe_load((CONF / "device.yaml").read_text()), _convert_="all")


OURS = [Warp(), Elastic(), Gamma(), Gain(), Speckle(), Blur()]


def test_the_configuration_states_what_the_classes_default_to():
    for stated, default in zip(configured()._transforms, OURS, strict=True):
        assert type(stated) is type(default)
        wanted = {name: np.asarray(value).tolist() for name, value in vars(default).items()}
        assert {name: np.asarray(value).tolist() for name, value in vars(stated).items()} == wanted


def test_a_data_set_leaves_its_frames_alone_and_changes_the_batch(mixed_frames, geometry):
    options = {"geometry": geometry, "progress": False}
    plain = FrameDataset(mixed_frames, **options)
    dataset = FrameDataset(mixed_frames, augment=configured(), seed=3, **options)
    batch = collate([dataset[4, place] for place in range(8)])
    assert torch.equal(batch.image, collate([plain[4, place] for place in range(8)]).image)
    assert plain.augmented_on_device(batch, 4) is batch
    assert dataset.plain().augmented_on_device(batch, 4) is batch
    changed, again, later = (dataset.augmented_on_device(batch, epoch) for epoch in (4, 4, 5))
    assert torch.equal(changed.image, again.image)
    unlike = [(changed.image != other.image).flatten(1).any(1) for other in (batch, later)]
    assert all(rows.sum() >= 6 for rows in unlike)
    assert torch.equal(changed.target, batch.target)
    half = dataset.augmented_on_device(Batch(*(column[2:5] for column in batch)), 4)
    assert torch.allclose(half.image, changed.image[2:5], atol=1.01 / 255)
    assert torch.equal(half.mask, changed.mask[2:5])


@pytest.mark.slow
def test_training_shows_the_batches_that_the_device_augmented(
    mixed_frames, geometry, make_classifier, tmp_path
):
    seen = []

    class Watching(DeviceAugmentation):
        def __call__(self, image, mask, *, seeds):
            seen.extend(seeds)
            return super().__call__(image, mask, seeds=seeds)

    augment = Watching(configured()._transforms)
    options = {"geometry": geometry, "progress": False}
    fit(
        make_classifier(0),
        PresenceObjective(),
        train=FrameDataset(mixed_frames, augment=augment, **options),
        validation=FrameDataset(mixed_frames, **options),
        folder=tmp_path / "cls",
        optimizer=lambda model: AdamW(model.parameters()),
        schedule=constant,
        epochs=2,
        batch_size=4,
        metric="auroc",
        runtime=Runtime(device="cpu"),
    )
    assert len(seen) == len(set(seen)) == 16


@pytest.mark.slow
@pytest.mark.parametrize("place", range(6), ids=lambda place: type(OURS[place]).__name__)
def test_each_transform_has_the_distribution_of_its_twin(place, frame):
    node = yaml.safe_load((CONF / "ultrasound.yaml").read_text())["transforms"][place]
    assert OURS[place].p == node["p"]
    always = type(OURS[place])(p=1)
    assert_alike(
        figures(*shown([always], frame, range(1000, 1000 + DRAWS))),
        figures(*by_albumentations([{**node, "p": 1}], frame)),
    )


@pytest.mark.slow
def test_all_of_them_together_have_the_distribution_of_ultrasound(frame):
    nodes = yaml.safe_load((CONF / "ultrasound.yaml").read_text())["transforms"]
    ours, theirs = shown(OURS, frame, range(DRAWS)), by_albumentations(nodes, frame)
    assert_alike(figures(*ours), figures(*theirs))
    plain = [(images == frame[0]).all((1, 2)).mean() for images, _ in (ours, theirs)]
    assert abs(plain[0] - plain[1]) < 0.06


def test_a_frame_s_draw_follows_from_its_seed_whatever_is_beside_it(frame):
    alone = [shown(OURS, frame, [seed]) for seed in range(12)]
    together = shown(OURS, frame, range(12))
    backwards = shown(OURS, frame, range(11, -1, -1))
    for place, (image, mask) in enumerate(alone):
        for images, masks in (together, tuple(part[::-1] for part in backwards)):
            assert np.abs(images[place] - image[0]).max() <= 1
            assert np.abs(images[place] - image[0]).mean() < 0.01
            assert (masks[place] != mask[0]).mean() < 0.001
    assert len({image.tobytes() for image, _ in alone}) >= 11


def test_levels_stay_whole_and_what_is_not_drawn_stays_as_it_was(frame):
    images, _ = shown(OURS, frame, range(30))
    assert np.abs(images - images.round()).max() < 1e-3
    assert images.min() >= 0
    assert images.max() <= 255
    still, mask = shown([type(one)(p=0) for one in OURS], frame, range(3))
    assert np.array_equal(still.round(), np.stack([frame[0]] * 3))
    assert np.array_equal(mask, np.stack([frame[1]] * 3))


def test_the_mask_moves_with_its_image(frame):
    disc = (200 * frame[1]).astype(np.uint8), frame[1]
    images, masks = shown([Warp(p=1), Elastic(p=1)], disc, range(20))
    assert ((images >= 100) == masks).mean() > 0.99
    assert (masks != frame[1]).any((1, 2)).all()


def test_what_holds_no_echo_stays_black(frame):
    images, _ = shown([Gain(p=1), Speckle(p=1), Gamma(p=1)], frame, range(20))
    assert not images[:, :, 80:].any()
