"""A phantom's mask, shifted and scaled at random, as the law of a frame's truth."""

import numpy as np
import pytest
import torch

from nerveceg.data.phantom import Subject
from nerveceg.expected_dice import best_of_samples, plug_in

# Standard deviations: of the shift in pixels, of the logarithm of the scale.
JITTERS = [(5, 0.08), (10, 0.12), (16, 0.18), (25, 0.25), (40, 0.30)]
STEP = 3
SAMPLES = 100
SIZES = 40


def nerves(count):
    """Masks of as many subjects, bool [420, 580] each."""
    masks = []
    for number in range(1, 10 * count):
        subject = Subject(number)
        shown = next((shot for shot in subject.shots if shot.present), None)
        masks += [subject.mask(shown)] if shown else []
        if len(masks) == count:
            return masks
    raise AssertionError("too few subjects show the nerve")


def jittered(mask, jitter, random):
    """Samples, bool [S, H, W], of every third row and column; none is empty."""
    bordered = np.pad(mask, 1)  # so that what comes from beyond the edge is empty
    middle, samples = np.argwhere(mask).mean(0), []
    while len(samples) < SAMPLES:
        shift, scale = random.normal(0, jitter[0], 2), np.exp(random.normal(0, jitter[1]))
        places = [
            np.rint((np.arange(0, side, STEP) - centre - moved) / scale + centre).clip(-1, side)
            for side, centre, moved in zip(mask.shape, middle, shift, strict=True)
        ]
        sample = bordered[np.ix_(*(place.astype(int) + 1 for place in places))]
        samples += [sample] if sample.any() else []
    return np.stack(samples)


def expected(samples, mask):
    return (2 * (samples & mask).sum((1, 2)) / (samples.sum((1, 2)) + mask.sum())).mean()


def exact(samples, also):
    """The best mask by samples, over a fine grid of sizes and one size more."""
    areas = samples.sum((1, 2))
    sizes = np.geomspace(0.5 * areas.min(), 1.5 * areas.max(), SIZES).astype(int)
    used = samples.any(0)
    sizes = {*sizes[sizes <= used.sum()].tolist(), also}
    return best_of_samples(samples[:, used], sizes=sizes - {0}).dice


def row(masks, jitter):
    """E[Dice] of the pixels above .5, of the plug-in and of the best, and the plug-in's own."""
    random, rows = np.random.default_rng(0), []
    for mask in masks:
        samples = jittered(mask, jitter, random)
        probability = torch.from_numpy(samples.mean(0, dtype=np.float32))
        dice, threshold = plug_in(probability[None, None])
        drawn = (probability >= threshold).numpy()
        best = exact(samples, int(drawn.sum()))
        half = expected(samples, (probability >= 0.5).numpy())
        rows.append((half, expected(samples, drawn), best, dice.item()))
    return np.array(rows)


@pytest.mark.parametrize("count", [5, pytest.param(60, marks=pytest.mark.slow)])
def test_the_plug_in_trails_the_best_mask_by_at_most_two_thousandths(count):
    masks, lines = nerves(count), []
    for jitter in JITTERS:
        found = row(masks, jitter)
        half, drawn, best, said = found.mean(0)
        numbers = f"{half:.4f}   {drawn:.4f}   {best:.4f}   {best - drawn:.4f}"
        worst = (found[:, 2] - found[:, 1]).max()
        lines.append(f"{jitter[0]:5} {jitter[1]:10.2f}   {numbers}   {worst:.4f}   {said:.4f}")
        assert -1e-6 <= best - drawn <= 0.002
        assert drawn >= half - 1e-3
        assert abs(said - drawn) < 0.05
    title = "shift  log-scale   p >= .5  plug-in  exact    behind   worst    expected"
    print(
        f"\nE[Dice], {count} phantom masks of which {SAMPLES} samples are the law", title, sep="\n"
    )
    print(*lines, sep="\n")
