"""Every YAML composes, and binds to the signature it calls."""

import inspect
from dataclasses import replace
from functools import cache
from pathlib import Path

import hydra
import pytest
from hydra.utils import get_method, instantiate
from omegaconf import DictConfig, OmegaConf

from nerveceg.decision import Rule
from nerveceg.probability.maps import FORMS
from nerveceg.training.fit import fit
from nerveceg.views import View

CONF = Path(__file__).parents[1] / "conf"
GROUPS = sorted(path.name for path in CONF.iterdir() if path.is_dir() and path.name[0] != "_")
GROUPS += ["data/filter"]
OPTIONS = [(group, path.stem) for group in GROUPS for path in sorted((CONF / group).glob("*.yaml"))]
GIVEN_BY_THE_TOOLS = {"train", "validation", "folder", "runtime", "seed", "resume", "facts"}


@cache
def compose(*overrides):
    with hydra.initialize_config_module("nerveceg.conf", version_base="1.3"):
        return hydra.compose("config", overrides=list(overrides))


def nodes(config, name=""):
    if isinstance(config, DictConfig):
        if "_target_" in config:
            yield name, config
        for key in config:
            yield from nodes(config[key], f"{name}.{key}")
    elif OmegaConf.is_list(config):
        for place, item in enumerate(config):
            yield from nodes(item, f"{name}[{place}]")


@pytest.mark.parametrize(("group", "option"), OPTIONS)
def test_every_option_composes_and_each_node_binds_to_its_signature(group, option):
    config = compose(f"{group}={option}")
    OmegaConf.resolve(config)
    found = list(nodes(config))
    assert found
    for name, node in found:
        arguments = {key for key in node if not key.startswith("_")}
        known = inspect.signature(get_method(node["_target_"])).parameters
        takes_any = any(p.kind is p.VAR_KEYWORD for p in known.values())
        unknown = arguments - known.keys()
        assert takes_any or not unknown, f"{name}: {node['_target_']} takes no {unknown}"


@pytest.mark.parametrize("stage", ["cls", "seg"])
def test_a_stage_holds_the_arguments_of_fit(stage):
    for option in sorted(path.stem for path in (CONF / stage).glob("*.yaml")):
        given = set(compose(f"{stage}={option}")[stage]) - {"init", "repeats", "shared"}
        inspect.signature(fit).bind(**dict.fromkeys(given | GIVEN_BY_THE_TOOLS))


@pytest.mark.parametrize("augment", [o for g, o in OPTIONS if g == "augment"])
@pytest.mark.filterwarnings("error::UserWarning")
def test_no_augmentation_has_an_argument_that_is_ignored(augment):
    assert instantiate(compose(f"augment={augment}").augment, _convert_="all") is not None


@pytest.mark.parametrize("node", ["data.geometry", "calibration", "rule", "runtime"])
def test_settings_instantiate_to_plain_values(node):
    made = instantiate(OmegaConf.select(compose(), node), _convert_="all")
    assert not any(OmegaConf.is_config(value) for value in vars(made).values())


def test_every_experiment_says_the_command_that_runs_it():
    for path in (CONF / "experiment").glob("*.yaml"):
        head = path.read_text(encoding="utf-8").splitlines()[:3]
        assert head[0] == "# @package _global_"
        assert head[1].startswith(("# python tools/", "# make ")), path.name


@pytest.mark.parametrize("tta", [o for g, o in OPTIONS if g == "tta"])
def test_views_are_distinct_and_the_frame_itself_comes_first(tta):
    views = instantiate(compose(f"tta={tta}").tta, _convert_="all")
    assert views[0] == View()
    assert len(set(views)) == len(views)


def test_plain_and_joint_rules_differ_in_their_thresholds_alone():
    plain, joint = (
        instantiate(compose(f"rule={rule}").rule, _convert_="all") for rule in ("plain", "joint")
    )
    assert (joint.presence, joint.mask, joint.area) == (None, None, 0)
    assert replace(plain, presence=None, mask=None) == joint
    assert plain == Rule()


@pytest.mark.parametrize("rule", [option for group, option in OPTIONS if group == "rule"])
def test_a_rule_states_every_threshold(rule):
    stated = compose(f"rule={rule}").rule
    made = instantiate(stated, _convert_="all")
    assert {"_target_", *made.to_dict()} == set(stated)


def test_the_earlier_systems_rules_are_theirs():
    rules = {
        "two_head_2016": {"presence": 0.65, "mask": 0.5, "area": 10, "blur": 51},
        "two_head_2018": {"presence": 0.5, "mask": 0.5, "area": 10, "mixture_area": 10000},
        "area": {"presence": 0.0, "mask": 0.5, "area": 2500},
    }
    for name, wanted in rules.items():
        made = instantiate(compose(f"rule={name}").rule, _convert_="all")
        assert made == Rule(**wanted, postprocess=())


@pytest.mark.parametrize("form", FORMS)
def test_each_form_of_calibration_is_an_option(form):
    recipe = instantiate(compose(f"calibration={form}").calibration, _convert_="all")
    assert recipe.forms == (form,)
    assert instantiate(compose().calibration, _convert_="all").forms == tuple(FORMS)
