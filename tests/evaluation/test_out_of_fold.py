from dataclasses import fields

import numpy as np
import pytest
import torch

from nerveceg.errors import DataError, NerveCegError
from nerveceg.evaluation.out_of_fold import (
    LEVEL_MARGIN,
    LEVEL_SCALE,
    OutOfFold,
    half_size,
    half_truth,
    level_logits,
    levels_of,
)

SIZES = [(420, 580), (31, 44), (44, 31), (1, 1), (7, 5), (420, 580)]


def halved(native: np.ndarray) -> np.ndarray:
    """Means of blocks of four native pixels; at an odd edge, of those that there are."""
    rows, columns = ((extent + 1) // 2 for extent in native.shape)
    return np.array(
        [
            [native[2 * r : 2 * r + 2, 2 * c : 2 * c + 2].mean() for c in range(columns)]
            for r in range(rows)
        ]
    )


def nerve_maps(size, generator):
    """A smooth map that is saturated inside and outside, and the truth, of a frame."""
    rows, columns = np.mgrid[: size[0], : size[1]]
    row, column = generator.uniform(0.3, 0.7, 2) * size
    distance = np.hypot(
        (rows - row) / (0.1 * size[0] + 1), (columns - column) / (0.1 * size[1] + 1)
    )
    logit = 6 * (1 - distance) + 0.1 * generator.normal(size=size)
    return 1 / (1 + np.exp(-logit)), distance < 1


def predictions_of(sizes, seed=0) -> OutOfFold:
    generator = np.random.default_rng(seed)
    maps = [nerve_maps(size, generator) for size in sizes]
    probabilities = [torch.from_numpy(p).float()[None, None] for p, _ in maps]
    truths = [torch.from_numpy(truth)[None, None] for _, truth in maps]
    count = len(sizes)
    return OutOfFold(
        ids=np.array([f"{k}_1" for k in range(count)]),
        subjects=np.array([str(k) for k in range(count)]),
        fold=np.arange(count, dtype=np.int32) % 2,
        logits=generator.normal(size=(count, 3)).astype(np.float32),
        height=np.array([size[0] for size in sizes], dtype=np.int32),
        width=np.array([size[1] for size in sizes], dtype=np.int32),
        truth_area=np.array([int(truth.sum()) for truth in truths], dtype=np.int64),
        levels=np.concatenate([levels_of(p).flatten().numpy() for p in probabilities]),
        truth=np.packbits(np.concatenate([half_truth(t).flatten().numpy() for t in truths])),
        views=np.array("[{}]"),
        split=np.array('{"folds": 2}'),
    )


def test_a_saved_file_is_loaded_equal_and_lies_alone(tmp_path):
    saved = predictions_of(SIZES)
    saved.save(tmp_path / "run" / "oof.npz")
    loaded = OutOfFold.load(tmp_path / "run" / "oof.npz")
    for field in fields(OutOfFold):
        one, other = getattr(saved, field.name), getattr(loaded, field.name)
        assert one.dtype == other.dtype, field.name
        assert np.array_equal(one, other), field.name
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["oof.npz"]
    assert len(loaded) == len(SIZES)


@pytest.mark.slow
def test_each_frame_gets_its_own_map_back_at_half_of_odd_and_even_sizes():
    generator = np.random.default_rng(0)
    predictions = predictions_of(SIZES)
    for place, (levels, truth) in enumerate(predictions.maps()):
        probability, true = nerve_maps(SIZES[place], generator)
        half = halved(probability.astype(np.float32))
        assert levels.shape == truth.shape == half_size(*SIZES[place]) == half.shape
        assert np.array_equal(truth, halved(true) >= 0.5)
        back = 1 / (1 + np.exp(-level_logits().double().numpy()[levels]))
        assert np.abs(back - half).max() < 0.01
        assert predictions.present[place] == true.any()


def test_a_level_is_within_half_a_step_of_the_probability():
    probability = torch.linspace(1e-6, 1 - 1e-6, 100_001, dtype=torch.float64)
    logit = probability.logit().numpy()
    levels = levels_of(probability.float().reshape(1, 1, -1, 1).expand(-1, -1, -1, 2)).flatten()
    # Two neighbours of a column are averaged: a level is that of a mean of two of the line.
    pairs = probability[:100_000].reshape(-1, 2).mean(1).logit().numpy()
    steps = 255 / (1 + np.exp(-np.append(pairs, logit[-1]) / LEVEL_SCALE))
    assert np.abs(levels.numpy() - steps).max() <= 0.5 + 1e-3


def test_levels_stand_for_rising_finite_logits_and_come_back_as_themselves():
    logits = level_logits()
    assert logits.isfinite().all()
    assert (logits.diff() > 0).all()
    edge = LEVEL_SCALE * np.log(LEVEL_MARGIN / (255 - LEVEL_MARGIN))
    assert logits[0].item() == pytest.approx(edge)
    assert logits[255].item() == pytest.approx(-edge, rel=1e-4)
    probability = logits.double().sigmoid().reshape(1, 1, 16, 16)
    twice = probability.repeat_interleave(2, 2).repeat_interleave(2, 3)
    assert torch.equal(levels_of(twice).flatten(), torch.arange(256).to(torch.uint8))


def test_saturated_probabilities_are_told_apart():
    sure = torch.tensor([0.9, 0.99, 0.999, 0.9999, 0.99999, 1.0])
    levels = [levels_of(p.expand(1, 1, 2, 2)).item() for p in (*sure, *(1 - sure))]
    assert len(set(levels)) == 12


def test_half_of_a_block_of_pixels_is_truth():
    truth = torch.tensor([[1, 0, 1, 0, 1], [1, 0, 0, 0, 0], [0, 1, 0, 0, 1]]).bool()
    half = half_truth(truth[None, None])[0, 0]
    assert half.int().tolist() == [[1, 0, 1], [1, 0, 1]]


def test_a_map_with_nan_is_refused():
    probability = torch.full((2, 1, 6, 6), 0.3)
    probability[1, 0, 2, 2] = float("nan")
    with pytest.raises(NerveCegError, match="NaN") as caught:
        levels_of(probability)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("damage", ["missing", "text", "cut", "other", "objects"])
def test_a_damaged_file_is_named_in_one_line(damage, tmp_path):
    path = tmp_path / "oof.npz"
    predictions_of([(20, 30), (20, 30)]).save(path)
    if damage == "missing":
        path.unlink()
    elif damage == "text":
        path.write_text("no predictions")
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:-200])
    elif damage == "other":
        np.savez(path, ids=np.array(["a"]))
    else:
        np.savez(path, **dict.fromkeys((f.name for f in fields(OutOfFold)), np.array([object()])))
    with pytest.raises(DataError, match=r"oof\.npz holds no out-of-fold predictions") as caught:
        OutOfFold.load(path)
    assert "\n" not in str(caught.value)
    assert "tools/evaluate.py" in str(caught.value)


@pytest.mark.parametrize("step", [29, 31, 37])
def test_no_damage_to_the_file_shows_another_error(step, tmp_path):
    path = tmp_path / "oof.npz"
    predictions_of([(60, 80), (60, 80)]).save(path)
    whole = path.read_bytes()
    refused = 0
    for place in range(0, len(whole), step):
        content = bytearray(whole)
        content[place] ^= 0xFF
        path.write_bytes(content)
        try:
            OutOfFold.load(path)
        except DataError:
            refused += 1
    assert refused > 50


def test_a_frame_of_kaggles_size_costs_less_than_its_half_size_pixels(tmp_path):
    predictions_of([(420, 580)] * 8).save(tmp_path / "oof.npz")
    pixels = 210 * 290
    size = (tmp_path / "oof.npz").stat().st_size / 8
    print(f"{size:.0f} bytes a frame, {size * 5635 / 2**20:.0f} MiB for 5,635 frames")
    assert size < 0.7 * pixels
