"""Against brute force over all masks and outcomes of eight pixels, under five kinds of law."""

from itertools import product

import numpy as np
import pytest
import torch

from nerveceg.expected_dice import best_of_independent, best_of_samples, plug_in, plug_in_sorted

PIXELS = 8
DRAWS = 250
MASKS = np.array(list(product([False, True], repeat=PIXELS)))
AREAS = MASKS.sum(1)
BITS = 1 << np.arange(PIXELS)[::-1]
DICE = 2.0 * (MASKS[:, None] & MASKS).sum(2) / np.maximum(AREAS[:, None] + AREAS, 1)
DICE[0, 0] = 1


def law_of(marginals):
    """P of every outcome of independent pixels."""
    return np.where(MASKS, marginals, 1 - marginals).prod(1)


def given_present(law):
    law = np.where(AREAS > 0, law, 0)
    return law / law.sum()


def independent(random):
    return given_present(law_of(random.beta(0.5, 0.8, PIXELS)))


def correlated(random):
    """One factor that all pixels share, beside each pixel's own level."""
    level, strength = random.normal(-0.5, 1.5, PIXELS), random.uniform(0, 3)
    factors = random.normal(size=9)
    laws = [law_of(1 / (1 + np.exp(-level - strength * factor))) for factor in factors]
    return given_present(np.mean(laws, 0))


def sparse(random):
    """Two to five outcomes, of any area alike."""
    law = np.zeros(len(MASKS))
    shares = random.dirichlet(np.ones(random.integers(2, 6)))
    for size, share in zip(random.integers(1, PIXELS + 1, len(shares)), shares, strict=True):
        law[BITS[random.choice(PIXELS, size, replace=False)].sum()] += share
    return law


def nested(random):
    """The likeliest k pixels of one ranking, for a random k."""
    order = random.permutation(PIXELS)
    law = np.zeros(len(MASKS))
    for size, share in enumerate(random.dirichlet(np.full(PIXELS, 0.3)), start=1):
        law[BITS[order[:size]].sum()] = share
    return law


def adversarial(random):
    """One or two pixels or all eight: an area that is never near its mean."""
    law = np.zeros(len(MASKS))
    small = random.choice(PIXELS, random.integers(1, 3), replace=False)
    law[BITS[small].sum()] = random.uniform(0.5, 0.95)
    law[-1] = 1 - law.sum()
    return law


LAWS = [independent, correlated, sparse, nested, adversarial]
# The greatest regret and the mean regret that the plug-in may have.
ALLOWED = {
    independent: (0.08, 0.005),
    correlated: (0.08, 0.005),
    sparse: (0.4, 0.03),
    nested: (0.4, 0.03),
    adversarial: (0.5, 0.15),
}


def draws(law, count=DRAWS):
    random = np.random.default_rng(LAWS.index(law))
    return [law(random) for _ in range(count)]


def optimum(law):
    """The greatest expected Dice of a non-empty mask."""
    return (DICE @ law)[1:].max()


def score(law, mask):
    return DICE[BITS[mask].sum()] @ law


def best_of_law(law):
    return best_of_samples(MASKS[law > 0], law[law > 0])


@pytest.mark.parametrize("law", LAWS)
def test_weighted_samples_give_the_optimum_of_any_law(law):
    for outcome in draws(law):
        best = best_of_law(outcome)
        assert best.dice == pytest.approx(optimum(outcome), abs=1e-12)
        assert score(outcome, best.mask) == pytest.approx(optimum(outcome), abs=1e-12)


def test_independent_pixels_give_the_optimum_given_a_nerve():
    random = np.random.default_rng(0)
    certain = [np.array([0, 0, 0.5, 0.5, 0.5, 1, 1, 0.3]), np.eye(8)[2], np.full(8, 1e-9)]
    for marginals in [*certain, *(random.beta(0.5, 0.8, PIXELS) for _ in range(DRAWS))]:
        best, law = best_of_independent(marginals), given_present(law_of(marginals))
        assert best.dice == pytest.approx(optimum(law), abs=1e-12)
        assert score(law, best.mask) == pytest.approx(optimum(law), abs=1e-12)


def test_the_regret_of_the_plug_in_is_small_but_where_the_area_is_bimodal():
    lines = []
    for law, (greatest, mean) in ALLOWED.items():
        outcomes = draws(law)
        masks = [plug_in_sorted(outcome @ MASKS).mask for outcome in outcomes]
        pairs = zip(outcomes, masks, strict=True)
        regret = np.array([optimum(outcome) - score(outcome, mask) for outcome, mask in pairs])
        lines.append(f"{law.__name__:12} {regret.mean():8.4f} {regret.max():8.4f}")
        assert regret.min() > -1e-12
        assert regret.max() < greatest
        assert regret.mean() < mean
    print("\nregret of the plug-in, 8 pixels", f"{'law':12}     mean      max", *lines, sep="\n")


def test_the_plug_in_is_wrong_where_the_area_is_never_near_its_mean():
    samples = np.array([np.eye(8)[3], np.ones(8)], dtype=bool)
    weight = np.array([0.7, 0.3])
    best = best_of_samples(samples, weight)
    assert np.array_equal(best.mask, samples[0])
    assert best.dice == pytest.approx(0.7 + 0.3 * 2 / 9, abs=1e-12)
    probability = weight @ samples
    assert plug_in_sorted(probability).mask.all()
    frame = torch.from_numpy(probability).float().view(1, 1, 2, 4)
    assert (frame >= plug_in(frame).threshold).all()
    assert score(weight_law(samples, weight), np.ones(8, bool)) == pytest.approx(0.456, abs=5e-4)


def weight_law(samples, weight):
    law = np.zeros(len(MASKS))
    law[[BITS[mask].sum() for mask in samples]] = weight
    return law


@pytest.mark.parametrize("law", LAWS)
def test_a_frame_is_best_left_empty_iff_absence_is_as_likely_as_presence_times_dice(law):
    """Over all masks, the empty one included, of laws in which the nerve may be absent."""
    random = np.random.default_rng(10)
    for present in draws(law):
        dice = best_of_law(present).dice
        for presence in [*random.uniform(0, 1, 4), 1 / (1 + dice) - 1e-6, 1 / (1 + dice) + 1e-6]:
            joint = presence * present
            joint[0] = 1 - presence
            values = DICE @ joint
            assert values.max() == pytest.approx(max(1 - presence, presence * dice), abs=1e-12)
            assert (values.argmax() == 0) == (1 - presence >= presence * dice)


@pytest.mark.parametrize("law", LAWS)
def test_at_the_tie_the_empty_mask_is_worth_as_much_as_the_best(law):
    for present in draws(law, 50):
        presence = 1 / (1 + best_of_law(present).dice)
        joint = presence * present
        joint[0] = 1 - presence
        values = DICE @ joint
        assert values[0] == pytest.approx(values[1:].max(), abs=1e-12)


def test_empty_samples_score_nothing_with_any_mask():
    random = np.random.default_rng(3)
    masks = MASKS[random.integers(1, 256, 6)]
    with_empty = np.concatenate([masks, np.zeros((2, PIXELS), bool)])
    whole, part = best_of_samples(masks), best_of_samples(with_empty)
    assert np.array_equal(whole.mask, part.mask)
    assert part.dice == pytest.approx(0.75 * whole.dice, abs=1e-12)


@pytest.mark.parametrize("sizes", [[1], [3], [8], [2, 5], range(4, 7)])
def test_sizes_restrict_the_masks_that_are_tried(sizes):
    for law in draws(sparse, 30):
        best = best_of_samples(MASKS[1:], law[1:], sizes=sizes)
        wanted = (DICE @ law)[np.isin(AREAS, list(sizes))].max()
        assert best.mask.sum() in sizes
        assert best.dice == pytest.approx(wanted, abs=1e-12)


def test_weights_need_not_add_up_to_one_and_default_to_equal_ones():
    random = np.random.default_rng(4)
    masks = random.random((7, 30)) < 0.4
    plain = best_of_samples(masks)
    for weight in (np.ones(7), np.full(7, 0.02)):
        best = best_of_samples(masks, weight)
        assert best.dice == pytest.approx(plain.dice, abs=1e-12)
        assert np.array_equal(best.mask, plain.mask)
    doubled = best_of_samples(np.concatenate([masks, masks[:2]]))
    assert best_of_samples(masks, np.array([2, 2, 1, 1, 1, 1, 1.0])).dice == pytest.approx(
        doubled.dice, abs=1e-12
    )


def test_one_sample_is_the_best_mask_itself_with_dice_one():
    random = np.random.default_rng(5)
    mask = random.random(500) < 0.2
    samples = best_of_samples(mask[None])
    for best in (samples, plug_in_sorted(mask.astype(float)), best_of_independent(mask * 1.0)):
        assert np.array_equal(best.mask, mask)
        assert best.dice == pytest.approx(1, abs=1e-12)


def slow_best_of_independent(marginals):
    """By the area's law of the other pixels, convolved anew for every pixel."""
    ranked = np.sort(marginals)[::-1]
    values = np.zeros(len(ranked))
    for place, p in enumerate(ranked):
        area = np.ones(1)
        for other in np.delete(ranked, place):
            area = np.convolve(area, [1 - other, other])
        for size in range(place, len(ranked)):
            values[size] += 2 * p * (area / (size + 2 + np.arange(len(area)))).sum()
    return values.max() / (1 - np.prod(1 - marginals))


@pytest.mark.parametrize("shape", [(0.5, 0.8), (20, 20), (0.05, 0.05), (1, 30)])
def test_dividing_pixels_out_of_the_area_stays_exact_for_many_pixels(shape):
    marginals = np.random.default_rng(6).beta(*shape, 90)
    wanted = slow_best_of_independent(marginals)
    assert best_of_independent(marginals).dice == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize("level", [0.5, 0.5 + 1e-12, 0.01, 0.99])
def test_hundreds_of_equal_pixels_are_all_taken_and_score_as_a_binomial(level):
    from scipy.stats import binom

    others = np.arange(400)
    weight = 2 * level * (binom.pmf(others, 399, level) / (401 + others)).sum()
    best = best_of_independent(np.full(400, level))
    assert best.mask.all()
    assert best.dice == pytest.approx(400 * weight / -np.expm1(400 * np.log1p(-level)), abs=1e-12)


def test_many_independent_pixels_leave_the_plug_in_next_to_no_regret():
    marginals = np.random.default_rng(7).beta(0.5, 0.8, 400)
    best, plug = best_of_independent(marginals), plug_in_sorted(marginals)
    assert abs(best.dice - plug.dice) < 1e-3
    assert (best.mask != plug.mask).sum() <= 2


@pytest.mark.parametrize("way", [plug_in_sorted, best_of_independent])
def test_pixels_in_another_order_get_the_same_mask_in_that_order(way):
    random = np.random.default_rng(8)
    marginals, order = random.beta(0.5, 0.8, 120), random.permutation(120)
    straight, shuffled = way(marginals), way(marginals[order])
    assert shuffled.dice == pytest.approx(straight.dice, abs=1e-12)
    assert np.array_equal(shuffled.mask, straight.mask[order])


@pytest.mark.parametrize("way", [plug_in_sorted, best_of_independent])
def test_a_frame_of_zeros_gets_no_mask(way):
    dice, mask = way(np.zeros(9))
    assert dice == 0
    assert not mask.any()
