"""What is written down of a run tells nothing of the machine that it ran on."""

import stat

import pytest
import yaml
from omegaconf import OmegaConf

from nerveceg.errors import NerveCegError
from nerveceg.privacy import without_paths
from nerveceg.tools.private import configuration_file, keep_configuration, require_local


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("/home/me/uns/train", ".../train"),
        ("C:\\Users\\me\\uns", ".../uns"),
        ("~/uns", ".../uns"),
        ("../../me/uns", ".../uns"),
        ("file:///home/me/uns", ".../uns"),
        ("data/phantom", "data/phantom"),
        ("torch.optim.AdamW", "torch.optim.AdamW"),
        ({"a": ["/x/y"], "b": 3}, {"a": [".../y"], "b": 3}),
    ],
)
def test_private_folders_are_cut_to_their_last_name(written, shown):
    assert without_paths(written) == shown


def kept(folder, root):
    config = OmegaConf.create({"data": {"root": root, "table": None}, "lr": 1e-5, "fold": 0})
    keep_configuration(folder, config)
    return yaml.safe_load((folder / "config.yaml").read_text())


def test_a_private_path_is_kept_beside_for_this_machine_and_this_user_alone(tmp_path):
    assert kept(tmp_path, "/home/me/necks")["data"]["root"] == ".../necks"
    private = tmp_path / "private.yaml"
    assert yaml.safe_load(private.read_text())["data"]["root"] == "/home/me/necks"
    assert configuration_file(tmp_path) == private
    assert stat.S_IMODE(private.stat().st_mode) == 0o600


def test_a_configuration_without_private_paths_is_one_file(tmp_path):
    assert kept(tmp_path, "data/necks") == {
        "data": {"root": "data/necks", "table": None},
        "lr": 1e-5,
        "fold": 0,
    }
    assert configuration_file(tmp_path) == tmp_path / "config.yaml"
    assert [path.name for path in tmp_path.iterdir()] == ["config.yaml"]


@pytest.mark.parametrize("name", ["root", "table"])
def test_a_run_that_was_handed_on_asks_for_its_data(tmp_path, name):
    data = OmegaConf.create({"root": None, "table": None, name: ".../necks"})
    with pytest.raises(
        NerveCegError, match=r"trained elsewhere, on \.\.\./necks: give input="
    ) as error:
        require_local(data, tmp_path / "run")
    assert "\n" not in str(error.value)
    require_local(OmegaConf.create({"root": "data/necks", "table": None}), tmp_path / "run")
