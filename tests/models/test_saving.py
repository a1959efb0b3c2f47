import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from nerveceg.documents import LARGEST_JSON
from nerveceg.errors import NerveCegError
from nerveceg.files import sha256_of
from nerveceg.models.classifier import Classifier
from nerveceg.models.saving import load_config, load_model, save_model
from nerveceg.models.segmenter import Segmenter

BUILD = {
    "timm": lambda: Classifier("test_efficientnet"),
    "efficientnet-pytorch": lambda: Classifier("efficientnet-b0"),
    "lite": lambda: Classifier("tf_efficientnet_lite0", weights="imagenet"),
    "other grey": lambda: Classifier("test_resnet", mean=0.3, std=0.1),
    "segmenter": lambda: Segmenter("FPN", encoder="tu-test_resnet"),
    "small decoder": lambda: Segmenter(encoder="tu-test_resnet", decoder_channels=[8] * 5),
}


@pytest.fixture
def folder(tmp_path):
    save_model(Classifier("test_resnet"), tmp_path / "cls")
    return tmp_path / "cls"


def rewrite(folder, **entries):
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **entries}))


def refused(folder, *words):
    with pytest.raises(NerveCegError) as caught:
        load_model(folder)
    assert "\n" not in str(caught.value)
    for word in (str(folder), *words):
        assert word in str(caught.value)


@pytest.mark.parametrize("name", BUILD)
@torch.inference_mode()
def test_a_loaded_model_gives_the_very_logits_of_the_saved_one(tmp_path, name):
    model = BUILD[name]()
    model(torch.rand(4, 1, 64, 64))  # so that batch norms hold more than their first values
    save_model(model, tmp_path)
    loaded = load_model(tmp_path)
    image = torch.rand(2, 1, 70, 90)
    assert type(loaded) is type(model)
    assert loaded.config == model.config
    assert not loaded.training
    assert torch.equal(loaded(image), model.eval()(image))


def test_a_model_in_channels_last_is_saved_like_any_other(tmp_path):
    model = Segmenter(encoder="tu-test_resnet").to(memory_format=torch.channels_last)
    save_model(model, tmp_path)
    image = torch.rand(1, 1, 64, 64)
    assert torch.allclose(load_model(tmp_path)(image), model.eval()(image), atol=1e-5)


def test_the_config_holds_class_arguments_and_extra_entries(tmp_path):
    model = Classifier("test_resnet")
    save_model(model, tmp_path, {"epoch": 3, "score": 0.5})
    config = load_config(tmp_path)
    assert config == {
        "class": "Classifier",
        "arguments": model.config,
        "sha256": sha256_of(tmp_path / "model.safetensors"),
        "epoch": 3,
        "score": 0.5,
    }
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.json", "model.safetensors"]


def test_an_extra_entry_cannot_hide_the_class(tmp_path):
    with pytest.raises(NerveCegError, match="'class'"):
        save_model(Classifier("test_resnet"), tmp_path, {"class": "Segmenter"})
    assert list(tmp_path.iterdir()) == []


def test_a_stranger_is_not_saved(tmp_path):
    with pytest.raises(NerveCegError, match="can't save a Linear: it must be one of Classifier"):
        save_model(torch.nn.Linear(1, 1), tmp_path)


def test_a_missing_checkpoint_says_how_to_train_one(tmp_path):
    refused(tmp_path / "seg", "no checkpoint in", "tools/train_seg.py")
    with pytest.raises(NerveCegError, match="run `python tools/train_cls.py`"):
        load_model(tmp_path / "cls", cure="run `python tools/train_cls.py`")


def test_missing_weights_are_a_missing_checkpoint(folder):
    (folder / "model.safetensors").unlink()
    refused(folder, "model.safetensors is missing", "tools/train_cls.py")


@pytest.mark.parametrize("kept", [0, 5, 1000, -1])
def test_a_truncated_weight_file_is_refused(folder, kept):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:kept])
    refused(folder, "the file was changed or damaged")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"class": "Classifier"}', "[" * 100_000])
def test_a_damaged_config_is_refused(folder, text):
    (folder / "config.json").write_text(text)
    refused(folder, "config.json", "train it again")


def test_an_oversized_config_is_refused(folder):
    with (folder / "config.json").open("r+b") as file:
        file.truncate(LARGEST_JSON + 1)
    refused(folder, "config.json", "over 67,108,864 bytes")


@pytest.mark.parametrize("name", ["torch.load", "os.system", "Pipeline", None, ["Classifier"]])
def test_a_config_can_name_only_a_known_class(folder, name):
    rewrite(folder, **{"class": name})
    refused(folder, repr(name), "Classifier, Segmenter")


def test_an_unknown_argument_is_named(folder):
    rewrite(folder, arguments={"backbone": "test_resnet", "dropuot": 0.1})
    refused(folder, "'dropuot'", "dropout")


@pytest.mark.parametrize(
    "arguments", [{"backbone": 7}, {"backbone": "test_resnet", "mean": "grey"}, {"backbone": "b"}]
)
def test_an_argument_of_a_wrong_kind_is_refused_with_the_files_name(folder, arguments):
    rewrite(folder, arguments=arguments)
    refused(folder, "config.json")


def test_a_config_cannot_send_the_loader_to_other_weights(folder, tmp_path):
    arguments = {**load_config(folder)["arguments"], "weights": str(tmp_path / "elsewhere.pth")}
    rewrite(folder, arguments=arguments)
    assert load_model(folder).config["weights"] is None


def test_weights_of_another_network_are_refused_by_the_first_tensor_that_differs(folder):
    rewrite(folder, arguments={"backbone": "test_efficientnet"})
    refused(folder, "network.conv_stem.weight is missing, wanted [24, 1, 3, 3]")


@pytest.mark.parametrize("change", ["added", "removed", "reshaped"])
def test_a_single_tensor_too_many_too_few_or_of_another_shape_is_named(folder, change):
    tensors = load_file(folder / "model.safetensors")
    name = "network.fc.bias"
    if change == "added":
        tensors[name := "network.fc.scale"] = torch.ones(1)
    elif change == "removed":
        del tensors[name]
    else:
        tensors[name] = torch.ones(2)
    save_file(tensors, folder / "model.safetensors")
    refused(folder, "the file was changed or damaged", sha256_of(folder / "model.safetensors")[:12])
    rewrite(folder, sha256=None)  # as earlier versions wrote it
    refused(folder, "model.safetensors", f"tensor {name} is")
