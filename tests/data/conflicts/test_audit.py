"""What the audit finds, against the phantom's own truth."""

import csv
import time
from itertools import combinations
from math import hypot
from random import Random
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

from nerveceg.data.conflicts import find_conflicts, measure_null, write_pairs
from nerveceg.data.conflicts.pairs import Pair
from nerveceg.data.frames import find_frames
from nerveceg.data.images import read_image
from nerveceg.data.phantom import Protocol, Subject, write_phantom
from nerveceg.errors import NerveCegError

CLOSE = 14
"""Pixels: the alignment's reach, 12, and half a pixel of the thumbnails."""


class Phantom(NamedTuple):
    """A phantom on disk, its shots by frame id and its planted contradictory pairs."""

    frames: list
    shots: dict
    planted: dict

    def is_near(self, first, second):
        """Whether the same tissue lies under the probe by the poses that drew both frames.

        That is what makes pictures near-duplicates, be it one step of the sweep apart or because
        the probe came back: the way along the frame, into the depth and out of its plane.
        """
        one, other = self.shots[first].pose, self.shots[second].pose
        axes = ("lateral_shift", "axial_shift", "out_of_plane")
        return hypot(*(getattr(one, axis) - getattr(other, axis) for axis in axes)) <= CLOSE

    def share_near(self):
        """Share of all pairs within a subject that are near."""
        by_subject = {}
        for name, shot in self.shots.items():
            by_subject.setdefault(shot.subject, []).append(name)
        pairs = [pair for names in by_subject.values() for pair in combinations(names, 2)]
        return sum(self.is_near(*pair) for pair in pairs) / len(pairs)


def make_phantom(folder, *, subjects, frames, exact, near, seed):
    write_phantom(
        folder,
        subjects=subjects,
        frames_per_subject=frames,
        exact_twins=exact,
        near_twins=near,
        seed=seed,
        progress=False,
        processes=1,
    )
    protocol = Protocol(frames=frames, exact_twins=exact, near_twins=near)
    people = [Subject(number, seed=seed, protocol=protocol) for number in range(1, subjects + 1)]
    shots = {f"{shot.subject}_{shot.img}": shot for one in people for shot in one.shots}
    planted = {
        frozenset((name, f"{shot.subject}_{shot.twin_of}")): shot.twin
        for name, shot in shots.items()
        if shot.twin
    }
    return Phantom(find_frames(folder / "train"), shots, planted)


def names(pairs):
    return {frozenset((pair.first, pair.second)) for pair in pairs}


@pytest.fixture(scope="module")
def phantom(tmp_path_factory):
    folder = tmp_path_factory.mktemp("twins") / "set"
    return make_phantom(folder, subjects=8, frames=8, exact=0.25, near=0.25, seed=4)


@pytest.fixture(scope="module")
def found(phantom):
    return find_conflicts(phantom.frames, progress=False)


def test_planted_twins_are_found_and_nothing_far_apart(phantom, found):
    assert set(phantom.planted.values()) == {"exact", "near"}
    contradictory = names(found.contradictions)
    assert phantom.planted.keys() <= contradictory
    assert all(phantom.is_near(*pair) for pair in contradictory)


def test_equal_to_the_pixel_are_the_exact_twins_alone(phantom, found):
    exact = {pair for pair, kind in phantom.planted.items() if kind == "exact"}
    assert names(pair for pair in found.pairs if pair.exact) == exact


def test_the_order_of_the_frames_changes_nothing(phantom, found):
    mixed = list(phantom.frames)
    Random(1).shuffle(mixed)
    again = find_conflicts(mixed, progress=False)
    assert again == found


def test_the_threshold_leaves_a_tenth_of_the_difference_of_the_most_alike_strangers(phantom):
    null = measure_null(phantom.frames)
    assert null.pairs == 28 * 8 * 8
    assert null.floor < null.strangers < 0.7
    assert 1 - null.threshold == pytest.approx((1 - null.strangers) / 10)


def test_a_shifted_and_a_resized_copy_are_found_with_their_shift(phantom, tmp_path):
    for frame in phantom.frames[:24]:
        Image.fromarray(read_image(frame.image)).save(tmp_path / f"{frame.id}.png")
        Image.new("L", (580, 420)).save(tmp_path / f"{frame.id}_mask.png")
    whole = read_image(phantom.frames[0].image)
    for name, image in {"1_90": whole[20:400, 20:560], "1_91": whole[28:408, 12:552]}.items():
        Image.fromarray(image).save(tmp_path / f"{name}.png")
        Image.new("L", (540, 380)).save(tmp_path / f"{name}_mask.png")
    Image.fromarray(whole).resize((300, 220), Image.Resampling.BOX).save(tmp_path / "1_92.png")
    Image.new("L", (300, 220), 255).save(tmp_path / "1_92_mask.png")
    audit = find_conflicts(find_frames(tmp_path), progress=False)
    by_name = {(pair.first, pair.second): pair for pair in audit.pairs}
    moved = by_name["1_90", "1_91"]
    assert moved.shift_rows == pytest.approx(8, abs=1.5)
    assert moved.shift_columns == pytest.approx(-8, abs=2)
    assert by_name[phantom.frames[0].id, "1_92"].kind == "presence"


def test_one_person_alone_gives_no_idea_of_chance(phantom):
    own = [frame for frame in phantom.frames if frame.subject == "1"]
    with pytest.raises(NerveCegError, match='subject "1".*two or more') as caught:
        find_conflicts(own, progress=False)
    assert "\n" not in str(caught.value)


def test_frames_without_a_subject_are_refused_by_name(phantom):
    nobody = phantom.frames[3]._replace(subject="")
    with pytest.raises(NerveCegError, match=f"{nobody.image.name} has no subject"):
        find_conflicts([*phantom.frames[:3], nobody], progress=False)


def test_the_table_has_a_row_a_pair(tmp_path):
    pairs = [
        Pair("1", "1_2", "1_9", 0.98, -3.0, 4.0, 0.125, "mask", False),
        Pair("2", "2_1", "2_3", 1.0, 0.0, 0.0, None, "presence", True),
    ]
    write_pairs(tmp_path / "pairs.csv", pairs)
    with (tmp_path / "pairs.csv").open(newline="") as file:
        first, second = csv.DictReader(file)
    assert first == {
        "subject": "1",
        "first": "1_2",
        "second": "1_9",
        "ncc": "0.9800",
        "shift_rows": "-3.0",
        "shift_columns": "4.0",
        "dice": "0.1250",
        "kind": "mask",
        "exact": "0",
    }
    assert (second["dice"], second["exact"]) == ("", "1")


@pytest.mark.slow
def test_of_a_hundred_planted_contradictions_all_but_a_few_are_found_and_hardly_any_false(
    tmp_path,
):
    phantom = make_phantom(tmp_path / "set", subjects=12, frames=120, exact=0.08, near=0.12, seed=7)
    near = sum(kind == "near" for kind in phantom.planted.values())
    assert len(phantom.planted) >= 100
    assert near >= len(phantom.planted) / 2
    begun = time.perf_counter()
    audit = find_conflicts(phantom.frames, progress=False)
    seconds = time.perf_counter() - begun
    flagged = names(audit.contradictions)
    hit = phantom.planted.keys() & flagged
    unplanted = flagged - phantom.planted.keys()
    false = [pair for pair in unplanted if not phantom.is_near(*pair)]
    steps = [
        abs(one.pose.step - other.pose.step)
        for one, other in ([phantom.shots[name] for name in pair] for pair in unplanted)
    ]
    print(
        f"\n{len(phantom.planted)} planted ({near} near, the rest exact), {len(hit)} found; "
        f"{len(audit.pairs)} near-duplicate pairs, {len(flagged)} contradictory: "
        f"{len(unplanted)} not planted, {len(false)} of them false (a random pair is near in "
        f"{phantom.share_near():.3f}), {np.mean(np.array(steps) <= 8):.3f} within 8 steps of the "
        f"sweep; threshold {audit.null.threshold:.4f} from {audit.null.pairs} pairs; "
        f"{len(phantom.frames)} frames in {seconds:.1f} s"
    )
    assert len(hit) >= 0.95 * len(phantom.planted)
    assert len(false) <= 0.01 * len(flagged)
