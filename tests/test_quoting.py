import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from nerveceg.tools.command import _check_overrides, compose
from nerveceg.tools.quoting import PATHS, quote_paths, quoted

STRANGE = (
    *(
        "/data/a b/c",
        "/data/a=b",
        "/data/é",
        "/data/a,b",
        "/data/a(1)",
        "a#003",
        "[x]",
        "{x}",
        "$x",
    ),
    *("it's", 'a"b', "a&b", "a:b", "10%", "ü ß/日本", "a*.png", "a\\b", "[1,2]", "x,y,[z", "- a"),
)


@pytest.mark.parametrize("path", STRANGE)
def test_any_path_is_read_as_it_was_given(path):
    (word,) = quote_paths([f"input={path}"])

    (read,) = OverridesParser.create().parse_overrides([word])

    assert not read.is_sweep_override()
    assert read.value() == path


def test_a_path_with_blanks_and_accents_arrives_in_the_configuration():
    assert compose(quote_paths(["input=a b/é=1,(2)"])).input == "a b/é=1,(2)"


def test_plain_words_and_other_keys_are_left_alone():
    words = ["input=data/new", "data.geometry.size=[64,", "cls.epochs=1,2", "--multirun", "~tta"]
    assert quote_paths(words) == words


def test_a_comma_parts_a_sweep_where_one_is_wanted():
    assert quote_paths(["name=a,b"]) == ['name="a,b"']
    assert quote_paths(["--multirun", "name=a,b"]) == ["--multirun", "name=a,b"]


def test_every_key_of_a_path_is_there():
    config = compose([])
    for key in PATHS:
        node = config
        for part in key.split("."):
            assert part in node, key
            node = node[part]


def test_what_else_cannot_be_read_is_shown_as_a_shell_takes_it(capsys):
    with pytest.raises(SystemExit) as stopped:
        _check_overrides(["data.subject_pattern=^(é+)_"])
    assert stopped.value.code == 2
    line = capsys.readouterr().err
    assert "'data.subject_pattern=\"^(é+)_\"'" in line
    assert compose([quoted("data.subject_pattern=^(é+)_")]).data.subject_pattern == "^(é+)_"
