import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from nerveceg.data.geometry import Geometry
from nerveceg.data.runlength import decode_runs, encode_runs
from nerveceg.errors import NerveCegError

KAGGLE = (420, 580)


def ellipse(shape, center, radii):
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    inside = ((rows - center[0]) / radii[0]) ** 2 + ((columns - center[1]) / radii[1]) ** 2 <= 1
    return torch.from_numpy(inside)[None, None]


def round_trip(geometry, mask):
    """What a perfect segmenter's mask becomes on its way to a submission and back."""
    probability = geometry.forward_mask(mask).float()
    drawn = (geometry.restore(probability, mask.shape[-2:]) >= 0.5)[0, 0].numpy()
    return torch.from_numpy(decode_runs(encode_runs(drawn), drawn.shape).copy())[None, None]


def dice(first, second):
    return 2 * (first & second).sum().item() / (first.sum() + second.sum()).item()


@st.composite
def geometries(draw):
    """A native size, and a geometry that shrinks it to 0.4 or enlarges it to 1.5 at most."""
    native = draw(st.tuples(st.integers(80, 200), st.integers(80, 200)))
    crop = draw(st.none() | st.tuples(st.integers(70, 220), st.integers(70, 220)))
    kept = native if crop is None else tuple(map(min, native, crop))
    scale = draw(st.floats(0.4, 1.5))
    spare = draw(st.tuples(st.integers(0, 40), st.integers(0, 40)))
    size = tuple(round(k * scale) + s for k, s in zip(kept, spare, strict=True))
    return native, kept, Geometry(size=size, crop=crop)


@given(geometries(), st.floats(0.2, 0.45), st.floats(0.2, 0.45))
def test_a_smooth_mask_survives_the_way_to_the_network_and_back(drawn, height, width):
    native, kept, geometry = drawn
    center = native[0] / 2 - 0.5, native[1] / 2 - 0.5
    mask = ellipse(native, center, (height * kept[0], width * kept[1]))
    assert dice(round_trip(geometry, mask), mask) > 0.94


@given(geometries(), st.floats(-0.35, 0.35), st.floats(-0.35, 0.35))
def test_a_small_disk_stays_within_a_pixel_of_its_place(drawn, down, right):
    native, kept, geometry = drawn
    center = native[0] / 2 + down * kept[0], native[1] / 2 + right * kept[1]
    mask = ellipse(native, center, (6, 6))
    there, back = (m[0, 0].nonzero().double().mean(0) for m in (mask, round_trip(geometry, mask)))
    assert (there - back).abs().max() < 1


@given(geometries())
def test_outside_the_crop_the_probability_is_0_and_inside_it_is_kept(drawn):
    native, kept, geometry = drawn
    restored = geometry.restore(torch.ones(1, 1, *geometry.size), native)
    assert restored.shape == (1, 1, *native)
    top, left = (native[0] - kept[0]) // 2, (native[1] - kept[1]) // 2
    expected = torch.zeros(1, 1, *native)
    expected[..., top : top + kept[0], left : left + kept[1]] = 1
    torch.testing.assert_close(restored, expected)


@given(geometries())
def test_the_aspect_is_kept_and_the_padding_lies_right_and_below(drawn):
    native, kept, geometry = drawn
    seen = geometry.forward(torch.full((1, 1, *native), 255, dtype=torch.uint8))[0, 0]
    assert seen.shape == geometry.size
    rows, columns = (int(seen.any(dim=axis).sum()) for axis in (1, 0))
    assert seen[:rows, :columns].min() == 255
    assert rows == geometry.size[0] or columns == geometry.size[1]
    assert abs(rows * kept[1] - columns * kept[0]) <= max(kept)


@pytest.mark.parametrize("center", [(210, 290), (40, 130), (380, 450)])
def test_a_perfect_mask_through_kaggles_crop_scores_exactly_1(center):
    geometry = Geometry(size=(400, 400), crop=(400, 400))
    mask = ellipse(KAGGLE, center, (25, 35))
    assert dice(round_trip(geometry, mask), mask) == 1.0


def test_kaggles_crop_is_cut_at_row_10_and_column_90_and_put_back_there():
    geometry = Geometry(size=(400, 400), crop=(400, 400))
    frame = torch.randint(1, 256, (1, 1, *KAGGLE), dtype=torch.uint8)
    cut = geometry.forward(frame)
    assert torch.equal(cut, frame[..., 10:410, 90:490])
    back = geometry.restore(cut.float(), KAGGLE)
    assert torch.equal(back[..., 10:410, 90:490], cut.float())
    assert back.count_nonzero() == 400 * 400


@pytest.mark.parametrize(
    "geometry",
    [
        Geometry(),
        Geometry(size=(256, 256), crop=(400, 400)),
        Geometry(size=(128, 176)),
        Geometry(size=(640, 640)),
    ],
)
def test_a_perfect_mask_through_crop_resize_and_padding_scores_close_to_1(geometry):
    mask = ellipse(KAGGLE, (150, 360), (25, 40))
    assert dice(round_trip(geometry, mask), mask) > 0.97


def test_a_frame_of_the_networks_size_comes_through_byte_by_byte():
    frame = torch.randint(0, 256, (3, 1, 48, 64), dtype=torch.uint8)
    assert torch.equal(Geometry(size=(48, 64)).forward(frame), frame)


def test_a_frame_smaller_than_the_crop_keeps_its_own_extent():
    frame = torch.randint(1, 256, (1, 1, 40, 90), dtype=torch.uint8)
    seen = Geometry(size=(60, 60), crop=(80, 60)).forward(frame)
    assert torch.equal(seen[..., :40, :], frame[..., 15:75])
    assert seen[..., 40:, :].count_nonzero() == 0


@pytest.mark.parametrize("size", [(96, 128), (171, 233), (640, 900)])
def test_frames_are_resized_as_pillow_does_it(size):
    levels = np.random.default_rng(0).integers(0, 256, KAGGLE, dtype=np.uint8)
    geometry = Geometry(size=size)
    ours = geometry.forward(torch.from_numpy(levels)[None, None])[0, 0].numpy().astype(int)
    scale = min(size[0] / 420, size[1] / 580)
    rows, columns = round(420 * scale), round(580 * scale)
    theirs = np.asarray(Image.fromarray(levels).resize((columns, rows), Image.Resampling.BILINEAR))
    assert np.abs(ours[:rows, :columns] - theirs).max() <= 1


def test_a_mask_keeps_its_share_of_the_frame():
    mask = ellipse(KAGGLE, (200, 300), (30, 45))
    seen = Geometry(size=(210, 290)).forward_mask(mask)
    assert seen.dtype == torch.bool
    assert seen.sum().item() == pytest.approx(mask.sum().item() / 4, rel=0.02)


def test_a_batch_is_treated_as_its_frames_are():
    geometry = Geometry(size=(50, 70), crop=(90, 100))
    batch = torch.randint(0, 256, (3, 1, 120, 160), dtype=torch.uint8)
    one_by_one = torch.cat([geometry.forward(frame[None]) for frame in batch])
    assert torch.equal(geometry.forward(batch), one_by_one)


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"size": (0, 64)}, "size=(0, 64)"),
        ({"size": (64,)}, "size=(64,)"),
        ({"size": (64, 64), "crop": (400, -1)}, "crop=(400, -1)"),
    ],
)
def test_a_wrong_size_is_named_in_one_line(values, named):
    with pytest.raises(NerveCegError) as caught:
        Geometry(**values)
    message = str(caught.value)
    assert named in message
    assert "[height, width]" in message
    assert "\n" not in message


@pytest.mark.parametrize("crop", [None, (400, 410)])
def test_a_geometry_comes_back_from_json_equal(crop):
    geometry = Geometry(size=(64, 96), crop=crop)
    there = json.loads(json.dumps(geometry.to_dict()))
    assert Geometry.from_dict(there) == geometry
    assert hash(Geometry.from_dict(there)) == hash(geometry)
