"""R18: no subject on two sides of any split; near-duplicates across folds are found and listed."""

from collections import Counter
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from nerveceg.data.conflicts import find_conflicts
from nerveceg.data.frames import Frame, find_frames
from nerveceg.data.phantom import write_phantom
from nerveceg.data.splits import Split, check_leak, split_by_subject, split_frames
from nerveceg.errors import NerveCegError

DATA_SETS = 1000


def made_up(rng):
    """Frames of 3 to 40 subjects with odd names, 1 to 30 frames each."""
    names = [f"{rng.choice(['', 'P', 'site/', 'é'])}{k}" for k in range(rng.integers(3, 41))]
    share = rng.random()
    return [
        Frame(f"{name}_{k}", name, Path(f"{name}_{k}.tif"), "5 2" if rng.random() < share else "")
        for name in names
        for k in range(rng.integers(1, 31))
    ]


def test_no_subject_is_on_two_sides_of_a_thousand_data_sets(figure):
    rng = np.random.default_rng(18)
    splits, refused = 0, 0
    for seed in range(DATA_SETS):
        frames, folds = made_up(rng), int(rng.integers(2, 6))
        held_out = Counter()
        for fold in range(folds):
            try:
                split = split_frames(frames, fold=fold, folds=folds, seed=seed)
            except NerveCegError:
                refused += 1
                continue
            splits += 1
            sides = [{frame.subject for frame in side} for side in split]
            assert all(one.isdisjoint(other) for one, other in combinations(sides, 2))
            assert sum(map(len, split)) == len(frames)
            held_out.update(frame.id for frame in split.test)
        assert not held_out or max(held_out.values()) == 1
    assert splits > DATA_SETS
    figure("R18", f"{DATA_SETS:,} data sets, {splits:,} splits: 0 leaks, {refused} refused by name")


def test_a_planted_leak_is_always_found(figure):
    rng = np.random.default_rng(19)
    for seed in range(DATA_SETS):
        sides = [made_up(np.random.default_rng((seed, side))) for side in range(3)]
        sides = [
            [frame._replace(subject=f"{side}-{frame.subject}") for frame in frames]
            for side, frames in enumerate(sides)
        ]
        check_leak(Split(*sides))
        one, other = rng.permutation(3)[:2]
        stray = sides[one][rng.integers(len(sides[one]))]
        sides[other] = [*sides[other], stray]
        with pytest.raises(NerveCegError, match="is on two sides"):
            check_leak(Split(*sides))
    figure("R18", f"{DATA_SETS:,} planted leaks stopped")


def test_near_duplicates_across_folds_are_listed_with_both_frames(tmp_path, figure):
    """Frames split at random put copies on two sides; split by subject they never do."""
    write_phantom(
        tmp_path / "set", subjects=40, frames_per_subject=6, exact_twins=0.1, progress=False
    )
    frames = find_frames(tmp_path / "set" / "train")
    pairs = find_conflicts(frames, progress=False).pairs
    random = split_frames(frames, by="random-frames")
    across = {by: _across(pairs, split) for by, split in (("random", random),)}
    for fold in range(5):
        train, held = split_by_subject(frames, fold=fold)
        across[f"subject {fold}"] = _across(pairs, Split(train, [], held))
    assert across.pop("random")
    assert not any(across.values())
    count = len(_across(pairs, random))
    figure("R18", f"{len(pairs)} near-duplicate pairs, {count} across random folds, 0 by subject")


def _across(pairs, split):
    """The pairs whose frames lie on two sides."""
    side = {frame.id: name for name, part in split._asdict().items() for frame in part}
    return [(pair.first, pair.second) for pair in pairs if side[pair.first] != side[pair.second]]
