"""Every augmentation in conf/: masks stay masks, draws repeat, and RandAugment is torchvision's."""

import math
import random
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torchvision.transforms import RandAugment, functional

from nerveceg.data.dataset import FrameDataset
from nerveceg.tools import command
from nerveceg.tools.composition import load_split
from nerveceg.tools.stage import datasets

CONF = Path(__file__).parents[1] / "conf" / "augment"
NAMES = sorted(path.stem for path in CONF.glob("*.yaml") if path.stem != "device")
SIZE = (96, 128)


def make(name):
    return instantiate(OmegaConf.load(CONF / f"{name}.yaml"), _convert_="all")


@pytest.fixture(scope="module")
def frame():
    """A smooth frame of most grey levels, and a disc on it."""
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    waves = np.sin(rows / 9) * np.cos(columns / 14) + rows / SIZE[0]
    image = (30 + 90 * (waves + 1)).clip(0, 250).astype(np.uint8)
    mask = ((rows - 48) ** 2 + (columns - 60) ** 2 < 20**2).astype(np.uint8)
    return {"image": image, "mask": mask}


def drawn(augment, frame, seed):
    augment.set_random_state(np.random.default_rng(seed), random.Random(seed))
    return augment(**{name: pixels.copy() for name, pixels in frame.items()})


def operations():
    """RandAugment's list, each with the sub-operations that its sign chooses among."""
    (some,) = yaml.safe_load((CONF / "randaugment.yaml").read_text())["transforms"]
    assert (some["n"], some["replace"]) == (2, True)
    return some["transforms"]


def compose(node):
    return instantiate(
        {"_target_": "nerveceg.data.augment.compose", "transforms": [node]}, _convert_="all"
    )


def test_an_unknown_argument_stops_a_run_by_name(frame_folder):
    config = command.compose([f"data.root={frame_folder}", "cls.model.weights=null"])
    OmegaConf.update(config.augment.transforms[0], "shaer", [-5, 5], force_add=True)
    with pytest.raises(InstantiationException, match="shaer"):
        datasets(config, load_split(config))


@pytest.mark.parametrize("name", NAMES)
def test_masks_stay_binary_at_their_size_and_draws_repeat(name, frame):
    augment, twin = make(name), make(name)
    images = set()
    for seed in range(20):
        changed = drawn(augment, frame, seed)
        assert changed["image"].dtype == changed["mask"].dtype == np.uint8
        assert changed["image"].shape == changed["mask"].shape == SIZE
        assert set(np.unique(changed["mask"])) <= {0, 1}
        again = drawn(twin, frame, seed)
        assert (changed["image"] == again["image"]).all()
        assert (changed["mask"] == again["mask"]).all()
        images.add(changed["image"].tobytes())
    assert len(images) > 3 or name == "none"


@pytest.mark.parametrize("name", [*(n for n in NAMES if n != "randaugment"), "randaugment's moves"])
def test_the_mask_moves_with_its_image(name, frame):
    # Bright where the mask is: the bright part of the changed frame must be the changed mask.
    pair = {"image": (150 * frame["mask"] + 50).astype(np.uint8), "mask": frame["mask"]}
    moves = {"_target_": "albumentations.SomeOf", "n": 2, "p": 1, "transforms": operations()[9:]}
    augment = compose(moves) if name == "randaugment's moves" else make(name)
    for seed in range(20):
        changed = drawn(augment, pair, seed)
        shown = changed["image"] > 0  # not beyond the frame's edge
        grey, inside = changed["image"][shown], changed["mask"][shown] > 0
        if 0 < inside.sum() < inside.size:
            bright = grey > (np.median(grey[inside]) / 2 + np.median(grey[~inside]) / 2)
            assert (bright == inside).mean() > 0.9, seed


def test_an_augmentation_that_writes_into_its_frame_leaves_the_data_set_whole(frames, geometry):
    dataset = FrameDataset(
        frames[:2], geometry=geometry, augment=make("randaugment"), progress=False
    )
    before = [dataset.plain()[0, place].image.clone() for place in range(2)]
    for epoch in range(40):
        for place in range(2):
            dataset[epoch, place]
    for place, image in enumerate(before):
        assert torch.equal(dataset.plain()[0, place].image, image)


def test_randaugment_has_the_paper_s_fourteen_operations():
    listed = operations()
    names = [one["_target_"].rpartition(".")[2] for one in listed]
    assert len(names) == 14
    assert names.count("NoOp") == 2  # identity, and color, which changes no grey frame
    paper = set(RandAugment()._augmentation_space(31, SIZE)) - {"Identity", "Color"}
    assert len(paper) == 12 == len(names) - 2


def applied(node, frame):
    return drawn(compose(node), frame, 0)["image"]


def test_randaugment_s_grey_operations_are_those_of_torchvision_at_14_of_30(frame):
    space = RandAugment()._augmentation_space(31, SIZE)
    at = {name: float(scale[14]) if scale.ndim else 0.0 for name, (scale, _) in space.items()}
    tensor = torch.from_numpy(frame["image"])[None]
    factors = [(kind, sign * at[kind]) for kind in ("Brightness", "Contrast") for sign in (1, -1)]
    adjust = {"Brightness": functional.adjust_brightness, "Contrast": functional.adjust_contrast}
    wanted = [
        functional.autocontrast(tensor),
        functional.equalize(tensor),
        functional.solarize(tensor, at["Solarize"]),
        functional.posterize(tensor, int(at["Posterize"])),
        *(adjust[kind](tensor, 1 + by) for kind, by in factors),
        *(
            functional.adjust_sharpness(tensor, 1 + by)
            for by in (at["Sharpness"], -at["Sharpness"])
        ),
    ]
    listed = operations()[2:9]
    nodes = [one for node in listed for one in node.get("transforms", [node])]
    assert len(nodes) == len(wanted)
    for node, expected in zip(nodes, wanted, strict=True):
        difference = np.abs(applied(node, frame).astype(int) - expected[0].numpy().astype(int))
        assert difference.mean() < 2, node
        assert np.quantile(difference, 0.99) <= 4, node


def test_randaugment_moves_by_torchvision_s_strengths_at_14_of_30():
    space = RandAugment()._augmentation_space(31, SIZE)
    at = {name: float(space[name][0][14]) for name in ("Rotate", "ShearX", "TranslateX")}
    moves = [one for node in operations()[9:] for one in node["transforms"]]
    rotations = [sorted(set(one["rotate"])) for one in moves if "rotate" in one]
    assert rotations == [[at["Rotate"]], [-at["Rotate"]]]
    shears = [max(map(abs, sum(one["shear"].values(), []))) for one in moves if "shear" in one]
    assert shears == pytest.approx([math.degrees(math.atan(at["ShearX"]))] * 4, abs=0.01)
    shifts = [
        max(map(abs, sum(one["translate_percent"].values(), [])))
        for one in moves
        if "translate_percent" in one
    ]
    assert shifts == pytest.approx([at["TranslateX"] / SIZE[1]] * 4, abs=0.001)


def test_the_frames_of_2018_are_plain_or_changed_in_one_way(frame):
    augment = make("two_head_2018")
    ways = {"plain": 0, "mirrored": 0, "upside down": 0, "brighter": 0, "zoomed": 0}
    for seed in range(250):
        image = drawn(augment, frame, seed)["image"]
        shift = image.astype(int) - frame["image"].astype(int)
        if (shift == 0).all():
            ways["plain"] += 1
        elif (image == frame["image"][:, ::-1]).all():
            ways["mirrored"] += 1
        elif (image == frame["image"][::-1]).all():
            ways["upside down"] += 1
        elif np.ptp(shift[5:-5]) <= 1:
            ways["brighter"] += 1
            assert abs(shift).max() <= 5
        else:
            ways["zoomed"] += 1
    assert all(30 <= count <= 75 for count in ways.values()), ways


def test_the_frames_of_2016_move_by_twenty_pixels_and_turn_by_ten_degrees():
    augment = make("two_head_2016")
    image = np.zeros((160, 160), dtype=np.uint8)
    mask = np.zeros_like(image)
    mask[70:90, 60:100] = 1  # its middle is the frame's
    moved = []
    for seed in range(200):
        rows, columns = np.nonzero(drawn(augment, {"image": image, "mask": mask}, seed)["mask"])
        _, axes = np.linalg.eigh(np.cov(rows, columns))
        turned = math.degrees(math.atan(axes[0, 1] / axes[1, 1]))
        moved.append((rows.mean() - 79.5, columns.mean() - 79.5, turned))
    most = np.abs(moved).max(axis=0)
    assert (most[:2] > 18).all()
    assert (most[:2] < 21).all()
    assert 8 < most[2] < 11
