import json

import pytest
import torch

from nerveceg.errors import NerveCegError
from nerveceg.models.classifier import Classifier
from nerveceg.models.saving import save_model
from nerveceg.models.segmenter import Segmenter
from nerveceg.models.shipping import halved, pack_pair
from nerveceg.models.starting import find_origin, start_network


@pytest.fixture(scope="module")
def taught(make_classifier, make_segmenter):
    """A pair whose batch norm has seen frames."""
    pair = {"cls": make_classifier(1), "seg": make_segmenter(2)}
    for network in pair.values():
        torch.manual_seed(0)
        network.train()(torch.rand(4, 1, 64, 96))
        network.eval()
    return pair


@pytest.fixture
def folder(taught, tmp_path):
    pack_pair(tmp_path / "pair", taught, record={"trained_on": ["a" * 64]}, card="# Card\n")
    return tmp_path / "pair"


def logits(network):
    torch.manual_seed(3)
    with torch.no_grad():
        return network.eval()(torch.rand(3, 1, 64, 96))


@pytest.mark.parametrize("stage", ["cls", "seg"])
def test_a_network_begun_with_the_pair_says_what_the_pair_says(
    stage, taught, folder, make_classifier, make_segmenter
):
    own = {"cls": make_classifier, "seg": make_segmenter}[stage](9)
    origin = find_origin(stage, "starter", starter=folder)
    assert origin.trained_on == {"a" * 64}
    before = logits(own)
    start_network(own, origin)
    wanted = logits(taught[stage])
    assert (logits(own) - wanted).abs().max() < 5e-3 * wanted.abs().max()
    assert (before - wanted).abs().max() > 0.1 * wanted.abs().max()
    assert {tensor.dtype for tensor in own.parameters()} == {torch.float32}
    norms = [name for name in own.state_dict() if name.endswith("running_mean")]
    assert norms
    for name in norms:
        assert torch.equal(own.state_dict()[name], taught[stage].state_dict()[name])


def test_a_network_is_begun_with_that_of_a_run_to_the_bit(taught, tmp_path, make_classifier):
    save_model(taught["cls"], tmp_path / "run" / "cls", {"trained_on": ["b" * 64]})
    own = make_classifier(9)
    origin = find_origin("cls", str(tmp_path / "run"))
    start_network(own, origin)
    assert origin.trained_on == {"b" * 64}
    assert torch.equal(logits(own), logits(taught["cls"]))


def test_regularisation_may_differ(folder):
    start_network(
        Classifier("test_efficientnet", dropout=0.0, drop_path=0.0),
        find_origin("cls", "starter", starter=folder),
    )


def test_another_architecture_is_refused_by_name(folder):
    gate = find_origin("cls", str(folder))
    wanted = "backbone is test_efficientnet, test_resnet is wanted here: take cls.model.backbone="
    with pytest.raises(NerveCegError, match=wanted):
        start_network(Classifier("test_resnet", drop_path=0.0), gate)
    segmenter = find_origin("seg", str(folder))
    for other, wanted in (
        (Segmenter("FPN", encoder="tu-test_efficientnet"), "its architecture is Unet, FPN is"),
        (Segmenter(encoder="tu-test_efficientnet"), r"its decoder_channels is \[32, .*, None is"),
    ):
        with pytest.raises(NerveCegError, match=wanted):
            start_network(other, segmenter)
    with pytest.raises(NerveCegError, match="its class is Segmenter, Classifier is wanted here"):
        start_network(Classifier("test_efficientnet"), segmenter)


def test_another_input_normalisation_is_refused_by_name(folder):
    own = Classifier("test_efficientnet", mean=0.0, std=1.0)
    wanted = r"mean 0\.4490 and std 0\.2260, this network takes 0\.0000 and 1\.0000: set cls.model"
    with pytest.raises(NerveCegError, match=wanted):
        start_network(own, find_origin("cls", "starter", starter=folder))


def test_a_damaged_file_is_refused_by_its_sha256(folder):
    path = folder / "seg.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(
        NerveCegError, match=r"seg.safetensors has sha256 .* changed or damaged; copy it"
    ):
        find_origin("seg", "starter", starter=folder)
    find_origin("cls", "starter", starter=folder)
    path.unlink()
    with pytest.raises(NerveCegError, match="is missing"):
        find_origin("seg", "starter", starter=folder)


def test_weights_that_are_not_of_the_network_in_their_record_are_refused(folder, make_classifier):
    record = json.loads((folder / "starter.json").read_text())
    (folder / "cls.safetensors").write_bytes((folder / "seg.safetensors").read_bytes())
    record["stages"]["cls"]["sha256"] = record["stages"]["seg"]["sha256"]
    (folder / "starter.json").write_text(json.dumps(record))
    with pytest.raises(NerveCegError, match="another network than its record says"):
        start_network(make_classifier(0), find_origin("cls", str(folder)))


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        (lambda record: record.update(schema=2), "is of schema 2, this version reads 1"),
        (lambda record: record.pop("stages"), "lacks or misplaces 'stages'"),
        (lambda record: record["stages"].pop("cls"), "lacks or misplaces 'cls'"),
    ],
)
def test_a_record_that_says_too_little_is_refused(change, wanted, folder):
    record = json.loads((folder / "starter.json").read_text())
    change(record)
    (folder / "starter.json").write_text(json.dumps(record))
    with pytest.raises(NerveCegError, match=wanted):
        find_origin("cls", "starter", starter=folder)


def test_without_a_pair_one_line_says_how_to_make_it(tmp_path):
    with pytest.raises(NerveCegError, match=r"has no starter weights: .*docs/head_start.md"):
        find_origin("cls", "starter", starter=tmp_path)


@pytest.mark.parametrize("stage", ["cls", "seg"])
def test_what_names_nothing_is_refused(stage, tmp_path):
    with pytest.raises(NerveCegError, match=f"{stage}.init=nowhere: null, starter, the folder"):
        find_origin(stage, "nowhere")
    with pytest.raises(NerveCegError, match=f"folder of a run whose stage {stage} is trained"):
        find_origin(stage, str(tmp_path))


def test_a_pair_too_large_for_the_package_is_not_written(tmp_path, monkeypatch, taught):
    monkeypatch.setattr("nerveceg.models.shipping.LARGEST", 1000)
    with pytest.raises(NerveCegError, match="at most 0 MB go into the package"):
        pack_pair(tmp_path, taught, record={}, card="")
    assert list(tmp_path.iterdir()) == []


def test_half_precision_keeps_vectors_and_refuses_what_it_can_not_hold():
    small = halved(
        {"kernel": torch.ones(2, 2), "variance": torch.tensor([1e6]), "n": torch.ones(())}
    )
    assert [tensor.dtype for tensor in small.values()] == [torch.half, torch.float, torch.float]
    assert small["variance"] == 1e6
    with pytest.raises(NerveCegError, match="kernel is too large for half precision"):
        halved({"kernel": torch.full((2, 2), 1e6)})
