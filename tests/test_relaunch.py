"""A launcher that starts dead processes again goes on with the run that it began, and no other."""

import pytest

from nerveceg.tools.relaunch import is_relaunched, keep_launch


@pytest.fixture
def attempt(monkeypatch):
    def become(number, name="a"):
        monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", str(number))
        monkeypatch.setenv("TORCHELASTIC_RUN_ID", name)

    return become


def test_only_the_launch_that_began_a_folder_goes_on_with_it(attempt, tmp_path):
    attempt(1)
    assert not is_relaunched(tmp_path), "nothing was begun"
    attempt(0)
    keep_launch(tmp_path)
    assert not is_relaunched(tmp_path), "nobody died"
    attempt(2)
    assert is_relaunched(tmp_path)
    attempt(2, name="b")
    assert not is_relaunched(tmp_path), "another launch's run"


def test_a_process_without_a_launcher_leaves_no_note(monkeypatch, tmp_path):
    monkeypatch.delenv("TORCHELASTIC_RESTART_COUNT", raising=False)
    keep_launch(tmp_path)
    assert not list(tmp_path.iterdir())
    assert not is_relaunched(tmp_path)
