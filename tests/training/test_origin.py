import logging

import pytest

from nerveceg.data.dataset import FrameDataset
from nerveceg.data.geometry import Geometry
from nerveceg.errors import NerveCegError
from nerveceg.training.origin import check_origin, origin_of


def origin(frames, facts):
    dataset = FrameDataset(frames, geometry=Geometry(size=(32, 32)), progress=False)
    return origin_of(dataset, dataset, facts)


def test_other_frames_or_facts_are_another_origin(mixed_frames, caplog):
    caplog.set_level(logging.WARNING)
    facts = {"name": "run", "trained_on": ["ab", "cd"]}
    began = origin(mixed_frames, facts)
    check_origin(began, origin(mixed_frames, facts))
    assert not caplog.text
    for now in (origin(mixed_frames[1:], facts), origin(mixed_frames, {**facts, "name": "b"})):
        with pytest.raises(NerveCegError, match="aren't those that the run began with"):
            check_origin(began, now)


def test_another_version_of_a_library_is_warned_of(mixed_frames, caplog):
    caplog.set_level(logging.WARNING)
    began = origin(mixed_frames[:1], {})
    check_origin({**began, "versions": {**began["versions"], "torch": "1.0"}}, began)
    assert "the run began with torch 1.0 and goes on with" in caplog.text
    assert len(caplog.records) == 1
