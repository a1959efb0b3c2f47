"""The page's events without a browser: what is shown, what is kept, what is deleted."""

import os
import re
import shutil
from html import unescape

import numpy as np
import pytest
from PIL import Image

from nerveceg.errors import NerveCegError
from nerveceg.outputs.app import PageSettings, Service
from nerveceg.outputs.app.desk import Desk
from nerveceg.outputs.app.examples import make_examples
from nerveceg.outputs.app.rules import MINE, OWN, Controls, rule_from, rule_in_words, start_of
from nerveceg.outputs.app.uploads import Upload


@pytest.fixture
def desk(tiny, frames, tmp_path):
    (tmp_path / "served").mkdir()
    examples = [Upload("sweep", tuple(frame.image for frame in frames[:3]))]
    settings = PageSettings(sessions=2)
    return Desk(Service(tiny), settings=settings, examples=examples, folder=tmp_path)


def uploaded(frame, folder, name="neck.tif"):
    folder.mkdir(parents=True, exist_ok=True)
    return shutil.copy(frame.image, folder / name)


def test_a_file_is_shown_and_its_mask_is_the_pipelines(desk, tiny, frames, tmp_path, monkeypatch):
    file = uploaded(frames[0], tmp_path / "served/a", "<img src=x onerror=alert(1)>.tif")
    open_all = Controls(MINE, presence=0, mask=tiny.rule.mask, area=0)
    shown = desk.open_file(desk.sessions.of("a"), file, open_all, explain=True)
    assert "&lt;img src=x onerror=alert(1)&gt;.tif" in shown.answer
    assert "<img src=x" not in shown.answer
    assert "score, not calibrated" in shown.answer
    assert shown.picture.count('<img src="data:image/png') == 3
    monkeypatch.setattr(tiny, "rule", rule_from(open_all, tiny.rule))
    with Image.open(shown.downloads.mask) as mask:
        np.testing.assert_array_equal(np.array(mask) > 0, tiny.predict(frames[0].image).mask)
    assert re.fullmatch(r"[\w-]+_mask\.png", shown.downloads.mask.name)
    assert not (tmp_path / "served/a").exists()
    desk.sessions.close("a")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_another_rule_changes_the_decision_of_the_picture_that_is_there(desk, monkeypatch):
    session = desk.sessions.of("a")
    desk.open_example(session, 0, Controls(), explain=False)
    monkeypatch.setattr(desk.service, "look_at", None)  # no network may run again
    never = desk.redraw(session, Controls(MINE, presence=1), explain=False)
    always = desk.redraw(session, Controls(MINE, presence=0, mask=0.01), explain=False)
    assert "Left empty" in never.answer
    assert "Mask drawn" in always.answer


def test_a_clip_is_turned_to_and_a_mistake_shows_no_older_answer(desk, tmp_path):
    session = desk.sessions.of("a")
    assert "picture 1 of 3" in desk.open_example(session, 0, Controls(), False).answer
    assert "picture 3 of 3" in desk.turn(session, 3, Controls(), False).answer
    (tmp_path / "note.txt").write_text("<b>no image")
    shown = desk.open_file(session, tmp_path / "note.txt", Controls(), explain=False)
    assert "note.txt is no TIFF" in unescape(shown.complaint)
    assert 'role="alert"' in shown.complaint
    assert (shown.answer, shown.downloads, shown.pictures) == ("", None, 0)
    assert "picture 1 of 3" in desk.open_example(session, 0, Controls(), False).answer


def test_of_too_many_browsers_the_longest_unused_is_forgotten(desk):
    first = desk.sessions.of("a")
    desk.open_example(first, 0, Controls(), explain=False)
    for name in ("b", "c"):
        desk.sessions.of(name)
    assert len(desk.sessions) == 2
    assert first.seen is None


def test_a_program_gets_figures_reason_and_mask(desk, tiny, frames, tmp_path):
    said, mask = desk.predict(uploaded(frames[1], tmp_path / "served/a"))
    wanted = tiny.predict(frames[1].image)
    assert said["presence"] == pytest.approx(wanted.presence, abs=1e-6)
    assert said["expected_dice"] == pytest.approx(wanted.expected, abs=1e-6)
    assert said["drawn"] == wanted.mask.any()
    with Image.open(mask) as written:
        np.testing.assert_array_equal(np.array(written) > 0, wanted.mask)
    assert [path for path in (tmp_path / "served").rglob("*") if path.is_file()] == [mask]
    with pytest.raises(NerveCegError, match="picture=7: neck.tif holds 1"):
        desk.predict(uploaded(frames[1], tmp_path / "served/b"), picture=7)
    assert not list((tmp_path / "kept").iterdir())


def test_controls_start_at_the_runs_own_rule_and_leave_it_as_it_is(tiny):
    own = tiny.rule
    start = start_of(own)
    assert start.choice == OWN
    assert rule_from(start, own) is own
    assert rule_from(start._replace(choice=MINE), own) == own
    assert "presence is above 0.50" in rule_in_words(own)


def test_an_empty_file_of_an_upload_that_is_just_beginning_is_left_alone(desk, frames, tmp_path):
    old, begun = tmp_path / "served/old", tmp_path / "served/begun"
    for path in (old, begun):
        path.touch()
    os.utime(old, (0, 0))
    desk.predict(uploaded(frames[0], tmp_path / "served/a"))
    assert begun.exists()
    assert not old.exists()
    assert not (tmp_path / "served/a").exists()


def test_a_fault_of_ours_isnt_told_as_one_of_the_file(desk, monkeypatch):
    def fails(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr(desk.service, "look_at", fails)
    with pytest.raises(ZeroDivisionError):
        desk.open_example(desk.sessions.of("a"), 0, Controls(), explain=False)


@pytest.mark.parametrize("port", [0, 65536, "door"])
def test_a_number_outside_its_range_is_refused(port):
    with pytest.raises(NerveCegError, match=rf"app\.port={port}: a whole number from 1 to 65,535"):
        PageSettings(port=port)


@pytest.mark.slow
def test_examples_are_phantom_frames_with_and_without_nerve_and_a_sweep(tmp_path):
    examples = make_examples(tmp_path / "examples")
    names = [example.name for example in examples]
    assert names == ["Phantom, nerve in view", "Phantom, no nerve", "Phantom sweep, 24 pictures"]
    assert [len(example.pictures) for example in examples] == [1, 1, 24]
    for example in examples:
        example.delete()
    assert len(list((tmp_path / "examples").iterdir())) == 26
