import hashlib
import logging

import pytest
import torch

from nerveceg.errors import NerveCegError
from nerveceg.training.checkpointing import Keeper, States
from nerveceg.training.interruption import Interrupted, Interruption


@pytest.fixture
def states(tmp_path):
    """Three states were saved."""
    made = States(tmp_path / "state")
    for updates in (1, 2, 3):
        made.save({"updates": updates, "weight": torch.full((9,), float(updates))})
    return made


def flip(path):
    content = bytearray(path.read_bytes())
    content[-3] ^= 16
    path.write_bytes(content)


def test_the_last_two_states_are_kept_each_with_its_sum(states):
    names = sorted(path.name for path in states.folder.iterdir())
    assert names == ["2.safetensors", "2.sha256", "3.safetensors", "3.sha256"]
    digest, name = (states.folder / "3.sha256").read_text().split()
    assert digest == hashlib.sha256((states.folder / name).read_bytes()).hexdigest()
    assert states.load()["updates"] == 3


def test_a_damaged_state_is_named_and_the_one_before_is_used_until_it_is_replaced(states, caplog):
    caplog.set_level(logging.WARNING)
    newest = states.paths()[0]
    flip(newest)
    again = States(states.folder)
    assert again.load()["updates"] == 2
    assert str(newest) in caplog.text
    again.save({"updates": 3})
    assert [path.name for path in again.paths()] == ["4.safetensors", "2.safetensors"]


@pytest.mark.parametrize("damage", [flip, lambda path: path.with_suffix(".sha256").unlink()])
def test_no_whole_state_ends_in_one_line_with_the_cure(states, damage):
    for path in states.paths():
        damage(path)
    with pytest.raises(NerveCegError, match=r"3\.safetensors is damaged.*overwrite=true") as caught:
        states.load()
    assert "\n" not in str(caught.value)


def test_a_folder_without_states_is_named(tmp_path):
    with pytest.raises(NerveCegError, match="holds no state") as caught:
        States(tmp_path / "state").load()
    assert str(tmp_path / "state") in str(caught.value)


def test_what_dead_processes_left_is_swept_and_never_taken_for_a_state(states):
    half = states.folder / ".4.safetensors.123.part"
    half.write_bytes(b"half")
    (states.folder.parent / ".log.jsonl.123.part").write_bytes(b"")
    (states.folder / "4.sha256").write_text("0 4.safetensors\n")
    assert states.load()["updates"] == 3
    states.sweep()
    assert sorted(path.stem for path in states.folder.iterdir()) == ["2", "2", "3", "3"]
    assert [path.name for path in states.folder.parent.iterdir()] == ["state"]


def test_a_state_is_saved_after_so_many_updates(tmp_path):
    states, taken = States(tmp_path), iter(range(99))
    keeper = Keeper(states, [lambda: {"n": next(taken)}], every=3, interruption=Interruption())
    for _ in range(7):
        keeper.after_update()
    assert [path.stem for path in states.paths()] == ["2", "1"]
    by_time = Keeper(States(tmp_path / "a"), [dict], every=None, interruption=Interruption())
    by_time.after_update()
    assert not (tmp_path / "a").exists()


def test_a_run_that_is_asked_to_stop_is_saved_first(tmp_path):
    interruption = Interruption()
    keeper = Keeper(States(tmp_path), [lambda: {"n": 1}], every=None, interruption=interruption)
    keeper.stop_if_asked()
    interruption._note(15, None)
    with pytest.raises(Interrupted) as caught:
        keeper.stop_if_asked()
    assert caught.value.status == 143
    assert caught.value.saved == tmp_path / "1.safetensors"
