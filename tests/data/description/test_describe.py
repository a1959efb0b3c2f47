"""What a description says of frames, against plain NumPy over the same files."""

import json
import tracemalloc
from itertools import combinations

import numpy as np
import pytest
from PIL import Image

from nerveceg.data.description import describe_frames, find_findings, summarise
from nerveceg.data.frames import find_frames
from nerveceg.data.images import read_image, read_mask


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(pixels)).save(path)


def speckle(seed, size=(40, 60)):
    return np.random.default_rng(seed).integers(0, 256, size, dtype=np.uint8)


def box(top, left, height, width, size=(40, 60)):
    mask = np.zeros(size, np.uint8)
    mask[top : top + height, left : left + width] = 255
    return mask


def described(folder, **where):
    return describe_frames(find_frames(folder, **where), progress=False)


def texts(description):
    return " ".join(finding.text for finding in find_findings(description))


@pytest.fixture(scope="module")
def phantom(frames):
    """The phantom's description, and its pixels and masks to count by hand."""
    images = np.stack([read_image(frame.image) for frame in frames])
    masks = np.stack([read_mask(frame, images[0].shape) for frame in frames])
    return describe_frames(frames, progress=False), images, masks


def test_grey_levels_are_those_of_all_pixels(phantom):
    description, images, _ = phantom
    grey = summarise(description)["grey"]
    assert grey["levels"] == np.bincount(images.ravel(), minlength=256).tolist()
    assert grey["mean"] == pytest.approx(images.mean())
    assert grey["black_share"] == pytest.approx((images == 0).mean())
    assert grey["white_share"] == pytest.approx((images == 255).mean())
    means, spreads = images.mean(axis=(1, 2)), images.std(axis=(1, 2))
    assert [f.grey for f in description.measured] == pytest.approx(means.tolist())
    assert grey["frame_contrast"]["0.5"] == pytest.approx(np.median(spreads))
    for share, level in grey["quantiles"].items():
        assert level == np.quantile(images, float(share), method="inverted_cdf")


def test_the_mean_frame_and_mask_are_block_means(phantom):
    description, images, masks = phantom
    blocks = images.mean(axis=0).reshape(84, 5, 116, 5).mean(axis=(1, 3))
    np.testing.assert_allclose(description.mean_frame, blocks, atol=0.02)
    covered = masks[masks.any(axis=(1, 2))].mean(axis=0).reshape(84, 5, 116, 5).mean(axis=(1, 3))
    np.testing.assert_allclose(description.mean_mask, covered, atol=1e-4)


def test_masks_are_measured_in_pixels_and_centroids_in_shares_of_the_frame(phantom):
    description, _, masks = phantom
    drawn = masks[masks.any(axis=(1, 2))]
    assert [mask.area for mask in description.drawn] == drawn.sum(axis=(1, 2)).tolist()
    cells = np.zeros((21, 29), int)
    for mask, found in zip(drawn, description.drawn, strict=True):
        row, column = (np.argwhere(mask).mean(axis=0) + 0.5) / mask.shape
        assert (found.row, found.column) == pytest.approx((row, column))
        cells[int(row * 21), int(column * 29)] += 1
    assert description.centroids.tolist() == cells.tolist()


def test_prevalence_is_counted_overall_and_by_subject(phantom, frames):
    description, _, masks = phantom
    present = masks.any(axis=(1, 2))
    assert description.all.prevalence == pytest.approx(present.mean())
    for part in description.subjects:
        own = present[[frame.subject == part.name for frame in frames]]
        assert (part.frames, part.nerve, part.empty) == (len(own), own.sum(), (~own).sum())
    assert f"Dice of {1 - present.mean():.3f}" in texts(description)


def test_equal_frames_are_those_that_a_comparison_of_all_pairs_finds(tmp_path):
    for name, seed in (("1_1", 0), ("1_2", 1), ("2_1", 0), ("2_2", 2)):
        save(tmp_path / f"{name}.png", speckle(seed))
        save(tmp_path / f"{name}_mask.png", box(5, 5, 9, 9) if name == "1_1" else box(0, 0, 0, 0))
    save(tmp_path / "2_3.tif", speckle(2))
    found = find_frames(tmp_path)
    images = {frame.id: read_image(frame.image) for frame in found}
    equal = [pair for pair in combinations(images, 2) if np.array_equal(*map(images.get, pair))]
    description = describe_frames(found, progress=False)
    assert [copies.frames for copies in description.copies] == equal == [
        ("1_1", "2_1"), ("2_2", "2_3")
    ]  # fmt: skip
    first, second = description.copies
    assert (first.same_bytes, first.contradictory, first.subjects) == (True, True, ("1", "2"))
    assert (second.same_bytes, second.contradictory) == (False, False)
    assert "leak them" in texts(description)
    assert "both with and without nerve" in texts(description)


def test_what_cant_be_read_is_listed_with_the_reason_and_the_rest_goes_on(tmp_path):
    save(tmp_path / "1_1.png", speckle(0))
    save(tmp_path / "1_2.png", speckle(1))
    save(tmp_path / "1_2_mask.png", box(1, 1, 4, 4, size=(41, 60)))
    (tmp_path / "1_3.png").write_bytes(b"no image")
    description = described(tmp_path)
    assert [frame.frame.id for frame in description.measured] == ["1_1", "1_2"]
    assert [(file.frame.id, file.part) for file in description.unread] == [
        ("1_2", "mask"),
        ("1_3", "image"),
    ]
    mask, image = (file.reason for file in description.unread)
    assert "41 rows x 60 columns" in mask
    assert image.startswith("1_3.png can't be read")
    assert str(tmp_path) not in mask + image
    assert (description.all.unknown, len(description.unlabelled)) == (2, 1)


def test_a_folder_of_which_nothing_can_be_read_is_described_too(tmp_path):
    (tmp_path / "1_1.png").write_bytes(b"")
    description = described(tmp_path)
    assert (description.all.frames, len(description.unread)) == (0, 1)
    assert json.loads(json.dumps(summarise(description), allow_nan=False))["grey"] is None


def test_without_any_mask_of_one_subject_it_says_what_is_missing(tmp_path):
    save(tmp_path / "P1" / "a.png", speckle(0))
    description = described(tmp_path)
    said = texts(description)
    assert description.all.prevalence is None
    assert "No frame has a truth" in said
    assert 'one subject, "P1"' in said


def test_depth_and_size_are_those_of_the_files(tmp_path):
    save(tmp_path / "1_1.png", speckle(0).astype(np.uint16) * 257)
    save(tmp_path / "1_2.png", np.stack([speckle(1)] * 3, axis=-1))
    save(tmp_path / "2_1.tif", speckle(2, size=(50, 60)))
    description = described(tmp_path)
    assert description.kinds == {"16-bit grey PNG": 1, "8-bit colour PNG": 1, "8-bit grey TIFF": 1}
    assert description.sizes == {(40, 60): 2, (50, 60): 1}
    assert description.all.grey == pytest.approx(
        np.mean([speckle(0).mean(), speckle(1).mean(), speckle(2, size=(50, 60)).mean()])
    )


def test_the_black_border_is_counted_from_each_edge(tmp_path):
    image = np.zeros((40, 60), np.uint8)
    image[3:30, 7:50] = 90
    save(tmp_path / "1_1.png", image)
    save(tmp_path / "1_2.png", np.zeros((40, 60), np.uint8))
    framed, black = described(tmp_path).measured
    assert framed.border == (3, 10, 10, 7)
    assert black.border == (0, 0, 0, 0)


def test_pieces_and_edges_of_masks_are_told(tmp_path):
    save(tmp_path / "1_1.png", speckle(0))
    save(tmp_path / "1_1_mask.png", box(0, 5, 6, 6) | box(20, 20, 5, 5))
    (mask,) = described(tmp_path).drawn
    assert (mask.area, mask.pieces, mask.at_edge) == (61, 2, True)


def test_columns_of_the_table_are_counted_and_prevalence_that_goes_with_one_is_said(tmp_path):
    rows = ["image,subject,present,pixels,device"]
    for place in range(50):
        save(tmp_path / f"{place}.png", speckle(place))
        device, runs = ("A", "1 5") if place < 25 else ("B", "")
        rows.append(f"{place}.png,P{place % 5},,{runs},{device}")
    (tmp_path / "frames.csv").write_text("\n".join(rows))
    description = described(tmp_path, table=tmp_path / "frames.csv")
    counts = [(part.name, part.frames, part.nerve) for part in description.groups["device"]]
    assert counts == [("A", 25, 25), ("B", 25, 0)]
    assert "Prevalence goes with device: 0.00 for B, 1.00 for A" in texts(description)


def test_memory_doesnt_grow_by_the_pixels_of_more_frames(tmp_path):
    save(tmp_path / "1_1.png", speckle(0, size=(400, 600)))
    (frame,) = find_frames(tmp_path)
    peaks = []
    for count in (5, 25):
        tracemalloc.start()
        describe_frames([frame] * count, progress=False)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] - peaks[0] < 400 * 600
