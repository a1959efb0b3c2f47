from itertools import product

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from nerveceg.data.augment import Gain, Speckle, compose
from nerveceg.data.dataset import FrameDataset, as_input, collate
from nerveceg.data.decoding import network_levels
from nerveceg.data.filters import Diffusion
from nerveceg.data.frames import Frame
from nerveceg.data.geometry import Geometry
from nerveceg.data.images import read_image, read_mask
from nerveceg.data.sampling import EpochSampler
from nerveceg.errors import DataError


def augmentation():
    from albumentations import Affine

    return compose([Affine(rotate=(-10, 10), p=1), Gain(p=1), Speckle(p=0.5)])


def load(dataset, *, epoch=0, batch_size=4, workers=0):
    order = EpochSampler(range(len(dataset)), seed=0, shuffled=False)
    order.set_epoch(epoch)
    loader = DataLoader(
        dataset, batch_size=batch_size, sampler=order, collate_fn=collate, num_workers=workers
    )
    return list(loader)


@pytest.fixture(scope="module")
def plain(mixed_frames, geometry):
    return FrameDataset(mixed_frames, geometry=geometry, progress=False)


@pytest.fixture(scope="module")
def augmented(mixed_frames, geometry):
    return FrameDataset(
        mixed_frames, geometry=geometry, augment=augmentation(), seed=5, progress=False
    )


def test_a_batch_has_the_shapes_types_and_ranges_that_it_promises(augmented):
    for batch in load(augmented, batch_size=3):
        count = len(batch.place)
        assert batch.image.shape == batch.mask.shape == (count, 1, 64, 96)
        assert batch.image.dtype == torch.float32
        assert 0 <= batch.image.min() < 0.2 < batch.image.max() <= 1
        assert batch.mask.dtype == torch.bool
        assert batch.present.shape == batch.place.shape == (count,)
        assert (batch.present.dtype, batch.place.dtype) == (torch.float32, torch.int64)
        assert set(batch.present.tolist()) <= {0.0, 1.0}


def test_every_frame_carries_its_own_place_presence_and_mask(plain, mixed_frames, geometry):
    batches = load(plain)
    assert torch.cat([b.place for b in batches]).tolist() == list(range(8))
    assert torch.cat([b.present for b in batches]).tolist() == [1.0] * 4 + [0.0] * 4
    masks = torch.cat([b.mask for b in batches])
    for frame, mask in zip(mixed_frames, masks, strict=True):
        native = read_mask(frame, read_image(frame.image).shape)
        expected = geometry.forward_mask(torch.from_numpy(native)[None, None])
        assert torch.equal(mask, expected[0])


@pytest.mark.parametrize("filter", [None, Diffusion(), Diffusion(iterations=2, option=1)])
def test_training_and_pipeline_see_the_same_bytes(mixed_frames, geometry, pipeline, filter):
    dataset = FrameDataset(mixed_frames, geometry=geometry, filter=filter, progress=False)
    pipeline.filter = filter
    served = pipeline.network_input([read_image(frame.image) for frame in mixed_frames])
    trained = torch.cat([batch.image for batch in load(dataset)])
    assert torch.equal(trained, served)


def test_the_filter_sees_each_frame_without_its_padding():
    random, geometry, filter = np.random.default_rng(0), Geometry(size=(40, 60)), Diffusion()
    sizes = [(80, 70), (30, 90), (80, 70), (40, 60)]
    images = [random.integers(0, 256, size, dtype=np.uint8) for size in sizes]
    levels = network_levels(images, geometry=geometry, filter=filter)
    for image, seen in zip(images, levels, strict=True):
        rows, columns = geometry.extent(image.shape)
        alone = Geometry(size=(rows, columns)).forward(torch.from_numpy(image)[None, None])
        assert torch.equal(seen[:, :rows, :columns], filter(alone)[0])
        assert not seen[:, rows:].any()
        assert not seen[:, :, columns:].any()


def test_augmentation_changes_what_the_filter_left(mixed_frames, geometry):
    shown = []

    class Watching:
        def set_random_state(self, *generators):
            pass

        def __call__(self, *, image, mask):
            shown.append(image.copy())
            return {"image": image, "mask": mask}

    options = {"geometry": geometry, "filter": Diffusion(), "progress": False}
    FrameDataset(mixed_frames[:1], augment=Watching(), **options)[(0, 0)]
    image = read_image(mixed_frames[0].image)
    assert np.array_equal(
        shown[0], network_levels([image], geometry=geometry, filter=Diffusion())[0, 0]
    )


def test_an_epoch_looks_the_same_whatever_the_workers_and_the_batches(augmented):
    alone = load(augmented, epoch=3)
    shared = load(augmented, epoch=3, batch_size=3, workers=2)
    for column in ("image", "mask", "present", "place"):
        first, second = (torch.cat([getattr(b, column) for b in x]) for x in (alone, shared))
        assert torch.equal(first, second), column


def test_another_epoch_another_seed_and_another_place_change_the_augmentation(
    augmented, mixed_frames, geometry
):
    first = mixed_frames[0]
    other = FrameDataset(
        [first, first], geometry=geometry, augment=augmentation(), seed=6, progress=False
    )
    shown = [augmented[(0, 0)], augmented[(1, 0)], other[(0, 0)], other[(0, 1)]]
    assert len({batch.image.numpy().tobytes() for batch in shown}) == 4


def test_each_transform_decides_for_itself_whether_it_applies(tmp_path):
    Image.fromarray(np.full((32, 48), 100, np.uint8)).save(tmp_path / "1_1.png")
    augment = compose([Gain(overall=4, depth=0, lateral=0, p=0.5), Speckle(p=0.5)])
    dataset = FrameDataset(
        [Frame("1_1", "1", tmp_path / "1_1.png", "")],
        geometry=Geometry(size=(32, 48)),
        augment=augment,
        progress=False,
    )
    shown = [dataset[(epoch, 0)].image.float() for epoch in range(100)]
    # Speckle makes the flat frame uneven, gain makes it another grey.
    told = [(image.std().item() > 0, abs(image.median().item() - 100) > 2) for image in shown]
    assert all(told.count(pair) > 8 for pair in product([False, True], repeat=2)), told


def test_augmentation_never_touches_the_stored_frame(augmented, plain):
    for epoch in range(3):
        load(augmented, epoch=epoch)
    augmented_again, stored = augmented[(0, 2)], augmented.plain()[(0, 2)].image[0]
    assert torch.equal(stored, plain[(0, 2)].image[0])
    assert not torch.equal(augmented_again.image[0], stored)


def test_presence_follows_the_native_mask_also_where_the_resize_or_the_crop_loses_it(tmp_path):
    Image.fromarray(np.full((200, 300), 80, np.uint8)).save(tmp_path / "1_1.png")
    dot = Frame("1_1", "1", tmp_path / "1_1.png", "1 1")
    for geometry in (Geometry(size=(20, 30)), Geometry(size=(100, 100), crop=(100, 100))):
        item = FrameDataset([dot], geometry=geometry, progress=False)[(0, 0)]
        assert item.present == 1
        assert not item.mask.any()


def test_grey_levels_0_and_255_become_0_and_1():
    levels = torch.arange(256, dtype=torch.uint8)
    assert torch.equal(as_input(levels), torch.arange(256) / 255)


def test_frames_of_unknown_truth_are_refused_by_name(mixed_frames, geometry):
    unknown = mixed_frames[0]._replace(mask=None)
    with pytest.raises(DataError, match=unknown.image.name):
        FrameDataset([unknown], geometry=geometry, progress=False)


def test_a_frame_teaches_its_own_truth_in_full_unless_told_else(mixed_frames, geometry):
    target, weight = np.linspace(0, 1, 8, dtype=np.float32), np.full(8, 0.3, np.float32)
    told = FrameDataset(
        mixed_frames, geometry=geometry, target=target, weight=weight, progress=False
    )
    true = FrameDataset(mixed_frames, geometry=geometry, progress=False)
    assert (told.is_true, true.is_true) == (False, True)
    for dataset, targets, weights in ((told, target, weight), (true, true.present, np.ones(8))):
        batches = load(dataset, batch_size=3)
        assert torch.cat([b.target for b in batches]).tolist() == targets.tolist()
        assert torch.cat([b.weight for b in batches]).tolist() == weights.tolist()
        assert torch.cat([b.present for b in batches]).tolist() == [1.0] * 4 + [0.0] * 4
