import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
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
    corner = draw(st.none() | st.tuples(st.integers(0, 150), st.integers(0, 150)))
    kept = native if crop is None else tuple(map(min, native, crop))
    scale = draw(st.floats(0.4, 1.5))
    spare = draw(st.tuples(st.integers(0, 40), st.integers(0, 40)))
    size = tuple(round(k * scale) + s for k, s in zip(kept, spare, strict=True))
    geometry = Geometry(size=size, crop=crop, corner=crop and corner)
    return native, kept, geometry


def place_of_crop(native, kept, geometry):
    """Top and left of what is kept of a frame."""
    spare = [whole - part for whole, part in zip(native, kept, strict=True)]
    if geometry.corner is None:
        return spare[0] // 2, spare[1] // 2
    return min(geometry.corner[0], spare[0]), min(geometry.corner[1], spare[1])


@given(geometries(), st.floats(0.2, 0.45), st.floats(0.2, 0.45))
def test_a_smooth_mask_survives_the_way_to_the_network_and_back(drawn, height, width):
    native, kept, geometry = drawn
    top, left = place_of_crop(native, kept, geometry)
    center = top + kept[0] / 2 - 0.5, left + kept[1] / 2 - 0.5
    mask = ellipse(native, center, (height * kept[0], width * kept[1]))
    assert dice(round_trip(geometry, mask), mask) > 0.94


@given(geometries(), st.floats(-0.35, 0.35), st.floats(-0.35, 0.35))
def test_a_small_disk_stays_within_a_pixel_of_its_place(drawn, down, right):
    native, kept, geometry = drawn
    top, left = place_of_crop(native, kept, geometry)
    center = top + (0.5 + down) * kept[0], left + (0.5 + right) * kept[1]
    mask = ellipse(native, center, (6, 6))
    there, back = (m[0, 0].nonzero().double().mean(0) for m in (mask, round_trip(geometry, mask)))
    assert (there - back).abs().max() < 1


@given(geometries())
def test_outside_the_crop_the_probability_is_0_and_inside_it_is_kept(drawn):
    native, kept, geometry = drawn
    restored = geometry.restore(torch.ones(1, 1, *geometry.size), native)
    assert restored.shape == (1, 1, *native)
    top, left = place_of_crop(native, kept, geometry)
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
    assert geometry.extent(native) == (rows, columns)


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
    ("native", "rows", "columns"),
    [
        (KAGGLE, slice(0, 400), slice(180, 580)),  # the two-headed U-Net of 2016
        ((872, 1280), slice(135, 750), slice(145, 1125)),  # ProstaScan
    ],
)
def test_a_crop_with_a_corner_is_cut_there_and_put_back_there(native, rows, columns):
    crop = rows.stop - rows.start, columns.stop - columns.start
    geometry = Geometry(size=crop, crop=crop, corner=(rows.start, columns.start))
    frame = torch.randint(1, 256, (1, 1, *native), dtype=torch.uint8)
    cut = geometry.forward(frame)
    assert torch.equal(cut, frame[..., rows, columns])
    expected = torch.zeros(1, 1, *native)
    expected[..., rows, columns] = frame[..., rows, columns].float()
    assert torch.equal(geometry.restore(cut.float(), native), expected)


def test_a_crop_beyond_a_smaller_frame_is_moved_back_inside():
    geometry = Geometry(size=(40, 40), crop=(40, 40), corner=(30, 60))
    frame = torch.randint(1, 256, (1, 1, 50, 70), dtype=torch.uint8)
    assert torch.equal(geometry.forward(frame), frame[..., 10:50, 30:70])
    low = torch.randint(1, 256, (1, 1, 25, 120), dtype=torch.uint8)
    seen = geometry.forward(low)
    assert torch.equal(seen[..., :25, :], low[..., 60:100])
    assert seen[..., 25:, :].count_nonzero() == 0


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
        ({"corner": (0, 180)}, "corner=(0, 180) without a crop"),
    ],
)
def test_a_wrong_size_is_named_in_one_line(values, named):
    with pytest.raises(NerveCegError) as caught:
        Geometry(**values)
    message = str(caught.value)
    assert named in message
    assert "[height, width]" in message
    assert "\n" not in message


@pytest.mark.parametrize("corner", [(-1, 0), (0, 1.5), (7,), 3])
def test_a_wrong_corner_is_named_in_one_line(corner):
    with pytest.raises(NerveCegError) as caught:
        Geometry(crop=(40, 40), corner=corner)
    assert f"data.geometry.corner={corner} is no corner of a crop: [top, left]" in str(caught.value)


def test_a_geometry_of_before_there_were_corners_is_read_and_written_as_then():
    then = {"size": [64, 96], "crop": [80, 90]}
    geometry = Geometry.from_dict(then)
    assert geometry == Geometry(size=(64, 96), crop=(80, 90))
    assert json.loads(json.dumps(geometry.to_dict())) == then


@pytest.mark.parametrize(("crop", "corner"), [(None, None), ((400, 410), None), ((40, 41), (0, 7))])
def test_a_geometry_comes_back_from_json_equal(crop, corner):
    geometry = Geometry(size=(64, 96), crop=crop, corner=corner)
    there = json.loads(json.dumps(geometry.to_dict()))
    assert Geometry.from_dict(there) == geometry
    assert hash(Geometry.from_dict(there)) == hash(geometry)


@settings(max_examples=8)
@given(geometries(), st.integers(0, 2**32 - 1))
def test_numpy_frames_come_out_as_tensors_do_to_the_byte(drawn, seed):
    native, _, geometry = drawn
    frames = np.random.default_rng(seed).integers(0, 256, (1, 1, *native), dtype=np.uint8)
    sized = geometry.forward(frames)
    assert sized.dtype == np.uint8
    np.testing.assert_array_equal(sized, geometry.forward(torch.from_numpy(frames)).numpy())
    probability = np.random.default_rng(seed).random((1, 1, *geometry.size), dtype=np.float32)
    restored = geometry.restore(torch.from_numpy(probability), native).numpy()
    np.testing.assert_allclose(geometry.restore(probability, native), restored, atol=2e-6)


@pytest.mark.parametrize("native", [(420, 580), (400, 550), (300, 300)])
def test_grey_levels_halfway_between_two_are_rounded_alike_everywhere(native):
    # Columns of 0 and 1 by turns have means of exactly a half wherever a step is a whole number.
    frames = np.indices(native).sum(0, dtype=np.uint8)[None, None] % 2 * 255
    geometry = Geometry(size=(native[0] // 2, native[1] // 2))
    sized = geometry.forward(frames)
    np.testing.assert_array_equal(sized, geometry.forward(torch.from_numpy(frames)).numpy())
    assert set(np.unique(sized[..., 1:-1, 1:-1])) == {128}
