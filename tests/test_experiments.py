"""The earlier systems, each one experiment: composed as told, built at full size, taught, run."""

import csv
import json
from pathlib import Path

import hydra
import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf

from nerveceg.data.dataset import FrameDataset, collate
from nerveceg.data.frames import find_frames
from nerveceg.data.phantom import write_phantom
from nerveceg.data.presence import is_present
from nerveceg.models.saving import load_model, save_model
from nerveceg.tools import infer, train_cls, train_seg

SYSTEMS = (
    "nerveceg_2020",
    "two_head_2016",
    "two_head_2018",
    "unet_resnet34_2020",
    "positives_only_resnet34",
    "trus_fpn_resnet152",
    "single_deeplabv3plus",
    "single_unet_b1",
)


def compose(*words):
    with hydra.initialize_config_module("nerveceg.conf", version_base="1.3"):
        return hydra.compose("config", overrides=list(words))


VARIANTS = {
    "nerveceg_2020": [
        ["seg=r2unet", "cls=resnet18", "augment=randaugment"],
        ["seg=attention_unet", "cls=resnet152"],
        ["seg=r2attention_unet", "cls=r2unet"],
    ],
    "two_head_2016": [["loss=strict_dice"]],
    "unet_resnet34_2020": [["loss=dice"]],
    "trus_fpn_resnet152": [["seg=segformer"], ["seg=unetplusplus_resnet152"]],
}


@pytest.mark.parametrize("system", VARIANTS)
def test_a_variant_changes_what_it_names_and_nothing_else(system):
    plain = OmegaConf.to_container(compose(f"experiment={system}"), resolve=True)
    for words in VARIANTS[system]:
        changed = OmegaConf.to_container(compose(f"experiment={system}", *words), resolve=True)
        named = {word.split("=")[0] for word in words}
        for node in plain:
            if node in ("cls", "seg"):
                theirs, ours = changed[node], plain[node]
                assert (theirs["model"] != ours["model"]) == (node in named)
                same = theirs.keys() - {"model", "objective"}
                assert {k: theirs[k] for k in same} == {k: ours[k] for k in same}
            else:
                assert (changed[node] != plain[node]) == (node in named), node


MILLIONS = {
    # words: parameters of stage 1 and of stage 2, of one grey channel and one class. Those of 1,000
    # classes and colour: EfficientNet-B4 has 19.3 (Tan & Le 2019, table 2), ResNet18 11.7, ResNet50
    # 25.6, ResNet152 60.2 (torchvision), SegFormer-B3 47.3 (Xie et al. 2021, table 1).
    "experiment=nerveceg_2020": (17.5, 34.5),
    "experiment=nerveceg_2020 cls=resnet18": (11.2, 34.5),
    "experiment=nerveceg_2020 cls=resnet50": (23.5, 34.5),
    "experiment=nerveceg_2020 cls=resnet152": (58.1, 34.5),
    "experiment=unet_resnet34_2020": (None, 24.4),
    "experiment=positives_only_resnet34": (None, 24.4),
    "experiment=trus_fpn_resnet152": (None, 60.7),
    "experiment=trus_fpn_resnet152 seg=unetplusplus_resnet152": (None, 83.6),
    "experiment=trus_fpn_resnet152 seg=segformer": (None, 44.6),
    "experiment=single_deeplabv3plus": (None, 22.4),
    "experiment=single_unet_b1": (None, 8.8),
}


@pytest.mark.slow
@pytest.mark.parametrize("words", MILLIONS)
def test_the_networks_have_their_published_size(words):
    config = compose(*words.split())
    for stage, millions in zip(("cls", "seg"), MILLIONS[words], strict=True):
        if millions is None:
            assert config[stage].model is None
            continue
        node = {**config[stage].model, "weights": None}
        with torch.device("cpu" if "segformer" in words else "meta"):  # smp reads a value there
            model = instantiate(node, _convert_="all")
        assert round(sum(one.numel() for one in model.parameters()) / 1e6, 1) == millions


GATE = ["cls.model.backbone=test_efficientnet", "cls.model.drop_path=0"]
ENCODER = ["seg.model.encoder=tu-test_resnet", "seg.model.weights=null"]
SMALL = {
    # every other setting is the experiment's own
    "nerveceg_2020": [
        *GATE,
        "seg.model.channels=[8,16,32,64]",
        "data.geometry.size=[48,48]",
        "data.split.by=subject",
    ],
    "two_head_2016": ["seg.model.channels=[8,16,32]", "data.geometry.size=[48,48]"],
    "two_head_2018": [
        "seg.model.channels=[16,32,64]",
        "data.geometry.size=[32,48]",
        "data.split.folds=4",
    ],
    "unet_resnet34_2020": [*ENCODER, "data.geometry.size=[48,64]"],
    "positives_only_resnet34": [*ENCODER, "data.geometry.size=[48,64]"],
    "trus_fpn_resnet152": [*ENCODER, "data.geometry.size=[48,64]"],
    "single_deeplabv3plus": [*ENCODER, "data.geometry.size=[48,64]"],
    "single_unet_b1": [*ENCODER, "data.geometry.size=[48,64]"],
}


@pytest.fixture(scope="module")
def necks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("phantom")
    write_phantom(folder / "set", subjects=16, frames_per_subject=2, progress=False)
    return folder / "set" / "train"


STAGES = [(system, "seg") for system in SYSTEMS] + [("nerveceg_2020", "cls")]
LEARNT = {"cls": ("log_likelihood", -0.1), "seg": ("dice", 0.9)}


@pytest.fixture(scope="module")
def eight(necks):
    """Four frames with nerve and four without, at a size and under a filter."""
    frames = find_frames(necks)
    nerve = [frame for frame in frames if is_present(frame)]
    none = [frame for frame in frames if not is_present(frame)]

    def read(config):
        seen = {key: instantiate(config[key], _convert_="all") for key in ("geometry", "filter")}
        return FrameDataset([*nerve[:4], *none[:4]], **seen, progress=False)

    return read


def score(model, objective, dataset, metric):
    batch = collate([dataset[0, place] for place in objective.validation_places(dataset)])
    with torch.inference_mode():
        judged = objective.judge(model.eval()(batch.image), batch)
    return objective.scores(judged)[metric]


@pytest.mark.slow
@pytest.mark.parametrize(("system", "stage"), STAGES)
def test_eight_frames_are_learnt_by_heart_and_the_saved_network_says_the_same(
    system, stage, eight, tmp_path
):
    config = compose(f"experiment={system}", *SMALL[system])
    dataset = eight(config.data)
    torch.manual_seed(0)
    given = instantiate(config[stage], _convert_="all")
    model, objective = given["model"], given["objective"]
    optimizer = given["optimizer"](model)
    batch = collate([dataset[0, place] for _, place in objective.sampler(dataset, seed=0)])
    metric, wanted = LEARNT[stage]
    for _ in range(15):
        for _ in range(20):
            optimizer.zero_grad()
            objective.loss(model.train()(batch.image), batch).backward()
            optimizer.step()
        if (reached := score(model, objective, dataset, metric)) > wanted:
            break
    assert reached > wanted
    save_model(model, tmp_path)
    with torch.inference_mode():
        said = [one(batch.image) for one in (model, load_model(tmp_path))]
    torch.testing.assert_close(*said, rtol=0, atol=0)


@pytest.mark.slow
@pytest.mark.parametrize("system", SYSTEMS)
def test_an_experiment_is_trained_and_its_run_draws_and_scores_the_held_out_frames(
    system, necks, run
):
    words = [f"experiment={system}", f"data.root={necks}", "runtime.device=cpu", *SMALL[system]]
    words += ["seg.epochs=1", "seg.batch_size=4", "cls.epochs=1", "cls.batch_size=4"]
    status, _, said = run(train_cls, *words)
    assert status == 0, said
    gated = system == "nerveceg_2020"
    assert Path(f"runs/{system}/cls").exists() == gated
    assert gated or len([line for line in said.splitlines() if line.strip()]) == 1
    status, _, trained = run(train_seg, *words)
    assert status == 0, trained
    status, out, told = run(infer, f"checkpoint=runs/{system}", "output=out", "bootstraps=20")
    assert status == 0, told
    report = json.loads(Path("out/report.json").read_text())
    rows = {row["name"]: row["dice"]["value"] for row in report["rows"]}
    assert rows["oracle gate"] >= rows["two-stage"] - 1e-9  # what its false masks cost
    assert "oracle gate" in out
    with Path("out/predictions.csv").open() as file:
        drawn = list(csv.DictReader(file))
    assert len(drawn) == report["frames"]
    description = json.loads(Path(f"runs/{system}/pipeline.json").read_text())
    rule = OmegaConf.to_container(compose(f"experiment={system}").rule)
    assert {key: description["rule"][key] for key in ("presence", "mask", "area")} == {
        key: rule[key] for key in ("presence", "mask", "area")
    }
