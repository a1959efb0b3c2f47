import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from sklearn.decomposition import PCA

from nerveceg.errors import NerveCegError
from nerveceg.postprocess.shape_prior import (
    COMPONENTS,
    FILE,
    GRID,
    ShapePrior,
    fit_shape_prior,
    impose,
    load_priors,
)

SHAPE = (120, 160)


def ellipses(count, seed=0, shape=SHAPE):
    """Nerve-like masks in the middle of a frame."""
    random = np.random.default_rng(seed)
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    places = np.array(shape) * random.normal((0.5, 0.5), 0.02, (count, 2))
    axes = np.array(shape) * random.uniform(0.1, 0.16, (count, 2))
    return [
        ((rows - row) / down) ** 2 + ((columns - column) / right) ** 2 < 1
        for (row, column), (down, right) in zip(places, axes, strict=True)
    ]


@pytest.fixture(scope="module")
def prior():
    return fit_shape_prior(ellipses(200))


def coarse(mask):
    """The share of each cell that is mask, where cells are whole: 120 x 160 to 12 x 16."""
    return mask.reshape(12, 10, 16, 10).mean((1, 3)).astype(np.float32)


def dice(one, other):
    return 2 * (one & other).sum() / (one.sum() + other.sum())


def test_a_reconstruction_is_that_of_principal_components():
    masks = ellipses(40)
    prior = fit_shape_prior(masks, grid=(12, 16))
    rows = np.stack([coarse(mask).ravel() for mask in masks])
    oracle = PCA(COMPONENTS, svd_solver="full").fit(rows)
    for mask in ellipses(5, seed=1):
        wanted = oracle.inverse_transform(oracle.transform(coarse(mask).reshape(1, -1)))
        found = prior.reconstruct(coarse(mask))
        assert found == pytest.approx(wanted.reshape(12, 16), abs=1e-3)
        assert prior.reconstruct(found) == pytest.approx(found, abs=1e-5), "a projection"


def test_as_many_masks_as_it_takes_are_described_exactly():
    masks = ellipses(COMPONENTS + 1)
    prior = fit_shape_prior(masks, grid=(12, 16))
    for mask in masks:
        assert prior.reconstruct(coarse(mask)) == pytest.approx(coarse(mask), abs=1e-5)


def test_fewer_masks_than_that_and_empty_ones_make_no_prior():
    masks = [*ellipses(COMPONENTS), *[np.zeros(SHAPE, bool)] * 9]
    assert fit_shape_prior(masks) is None
    assert fit_shape_prior([]) is None


def test_a_mask_like_the_training_masks_stays_and_what_none_of_them_has_goes(prior):
    assert prior.mean.shape == GRID
    scores = []
    for mask in ellipses(10, seed=2):
        whole = impose(mask, [prior])
        assert whole.shape == SHAPE
        assert whole.dtype == np.bool_
        split = mask.copy()
        split[:, 78:82] = False
        split[2:6, 2:6] = True
        mended = impose(split, [prior])
        assert not mended[:8, :8].any()
        scores.append((dice(whole, mask), dice(mended, mask), dice(split, mask)))
    whole, mended, split = np.mean(scores, axis=0)
    assert whole > 0.97
    assert mended > split + 0.03


def test_frames_of_another_size_are_described_alike(prior):
    (small,), (large,) = (ellipses(1, seed=3, shape=shape) for shape in (SHAPE, (240, 320)))
    doubled = impose(small, [prior]).repeat(2, 0).repeat(2, 1)
    assert dice(impose(large, [prior]), doubled) > 0.97


def test_several_priors_draw_where_the_mean_of_their_reconstructions_reaches_a_half(prior):
    other = fit_shape_prior(ellipses(100, seed=5))
    (mask,) = ellipses(1, seed=6)
    assert np.array_equal(impose(mask, [prior, prior]), impose(mask, [prior]))
    both = impose(mask, [prior, other])
    alone = [impose(mask, [one]) for one in (prior, other)]
    assert not np.array_equal(*alone)
    assert dice(both, alone[0]) > 0.95
    assert dice(both, alone[1]) > 0.95


def test_a_saved_prior_is_loaded_equal_and_some_hundred_kilobytes(prior, tmp_path):
    prior.save(tmp_path)
    (loaded,) = load_priors([tmp_path])
    assert np.array_equal(loaded.mean, prior.mean)
    assert np.array_equal(loaded.components, prior.components)
    assert loaded.components.shape == (COMPONENTS, *GRID)
    assert (tmp_path / FILE).stat().st_size < 500_000
    assert fit_shape_prior(ellipses(200)).components.tolist() == prior.components.tolist()


def test_folders_of_which_one_has_none_have_none(prior, tmp_path):
    prior.save(tmp_path / "a")
    assert load_priors([tmp_path / "a", tmp_path / "b"]) == ()


@pytest.mark.parametrize("damage", ["cut", "other", "shape"])
def test_a_damaged_file_is_named_in_one_line(damage, prior, tmp_path):
    prior.save(tmp_path)
    path = tmp_path / FILE
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-7])
    else:
        tensors = load_file(path)
        mean = tensors.pop("mean")
        save_file(tensors if damage == "other" else {**tensors, "mean": mean[:3]}, path)
    with pytest.raises(NerveCegError, match=f"{FILE} is no shape prior") as caught:
        ShapePrior.load(tmp_path)
    assert "\n" not in str(caught.value)
