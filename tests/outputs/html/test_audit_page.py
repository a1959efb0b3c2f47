"""The audit page: pairs side by side, blinking without script, bounded in size."""

import re
from itertools import combinations

import numpy as np
import pytest
from PIL import Image

from nerveceg.data.conflicts import Audit, Null, find_conflicts
from nerveceg.data.conflicts.pairs import judge_pair
from nerveceg.data.frames import find_frames
from nerveceg.data.phantom import write_phantom
from nerveceg.outputs.html import audit_page as module
from nerveceg.outputs.html.audit_page import audit_page
from nerveceg.outputs.html.conflict_pair import draw_pair, moved
from nerveceg.outputs.notice import RESEARCH_USE

NULL = Null(pairs=1, strangers=0.5, floor=0.1, threshold=0.95)


@pytest.fixture(scope="module")
def frames_of_two(tmp_path_factory):
    """Two people with six frames each, every other one empty, called like markup."""
    folder = tmp_path_factory.mktemp("pairs") / "set"
    folder.mkdir()
    noise = np.random.default_rng(0)
    for person in ("<i>1", "2"):
        for place in range(6):
            image = noise.integers(0, 256, (40, 60), dtype=np.uint8)
            mask = np.zeros((40, 60), np.uint8)
            mask[10 : 10 + 10 * (place % 2), 5:20] = 255
            Image.fromarray(image).save(folder / f"{person}_{place}.png")
            Image.fromarray(mask).save(folder / f"{person}_{place}_mask.png")
    return find_frames(folder, subject_pattern="(.+)_")


def judged(frames, *, shift=(0, 0)):
    """An audit in which all pairs of a subject are near-duplicates."""
    pairs = [
        judge_pair(one, other, ncc=0.99, shift=shift)
        for one, other in combinations(frames, 2)
        if one.subject == other.subject
    ]
    return Audit(pairs, NULL)


def test_every_contradictory_pair_is_shown_once_with_a_switch_of_its_own(frames_of_two):
    audit = judged(frames_of_two)
    text = audit_page(audit, frames_of_two, name="<b>set")
    assert len(audit.contradictions) == 18
    assert text.count('<article class="pair"') == 18
    for pair in audit.contradictions:
        first, second = (name.replace("<", "&lt;").replace(">", "&gt;") for name in pair[1:3])
        assert text.count(f"<h3>{first} and {second}</h3>") == 1
    names = re.findall(r'<input type="radio" class="blink" name="([^"]+)"', text)
    assert len(set(names)) == 18
    ids = re.findall(r' id="([^"]+)"', text)
    assert len(set(ids)) == len(ids)
    assert set(re.findall(r'<label for="([^"]+)"', text)) == set(ids)


def test_it_is_offline_without_script_and_names_are_text(frames_of_two):
    text = audit_page(judged(frames_of_two), frames_of_two, name="<b>set")
    assert RESEARCH_USE in text
    assert "prefers-reduced-motion" in text
    assert not re.search(r"<script|<i>|<b>|https?:|url\((?!#)|<link", text)
    assert all(src.startswith("data:image/") for src in re.findall(r'src="([^"]+)"', text))
    assert "&lt;i&gt;1_0: no nerve" in text


def test_pictures_stop_at_the_budget_and_the_rest_is_listed(frames_of_two, monkeypatch):
    audit = judged(frames_of_two)
    monkeypatch.setattr(module, "MOST_PICTURED", 4)
    text = audit_page(audit, frames_of_two, name="set")
    assert text.count('<article class="pair"') == 4
    assert text.count("<h2>Subject ") == 2, "both people have their turn"
    rest = text.split("Other contradictory pairs")[1]
    assert rest.count("<tr>") == 1 + 14
    monkeypatch.setattr(module, "MOST_PICTURE_BYTES", 15_000)
    small = audit_page(audit, frames_of_two, name="set")
    assert 0 < small.count('<article class="pair"') < 4
    assert len(small) < 15_000 + 20_000


def test_without_contradictions_it_says_so(frames_of_two):
    text = audit_page(Audit([], NULL), frames_of_two, name="set")
    assert "0 of 0 near-duplicate pairs" in text
    assert "<article" not in text


def test_a_shifted_copy_is_moved_back_onto_the_first(tmp_path):
    """Both frames are cut from one picture, so the moved second label lies where the first does."""
    write_phantom(tmp_path / "set", subjects=2, frames_per_subject=2, near_twins=0, progress=False)
    source = np.asarray(Image.open(tmp_path / "set" / "train" / "1_1.tif"))
    mask = np.zeros(source.shape, bool)
    mask[100:150, 200:260] = True
    for name, top in (("1_1", 0), ("1_2", 8)):
        part = slice(top, top + 400)
        Image.fromarray(source[part]).save(tmp_path / "set" / "train" / f"{name}.tif")
        Image.fromarray(mask[part]).save(tmp_path / "set" / "train" / f"{name}_mask.tif")
    audit = find_conflicts(find_frames(tmp_path / "set" / "train"), progress=False)
    pair = next(pair for pair in audit.pairs if pair.first == "1_1")
    back = moved(mask[8:408], round(pair.shift_rows), round(pair.shift_columns))
    assert np.argwhere(back).mean(axis=0) == pytest.approx(np.argwhere(mask).mean(axis=0), abs=2)
    frames = {frame.id: frame for frame in find_frames(tmp_path / "set" / "train")}
    drawn = draw_pair(pair, frames["1_1"], frames["1_2"], name="pair-1")
    assert f"--y:{100 * round(pair.shift_rows) / 400:.2f}%" in drawn
