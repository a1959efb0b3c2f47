"""One tiny pipeline for all tests of the page; who changes it does so through `monkeypatch`."""

from collections.abc import Callable

import pytest

from nerveceg.pipeline import Pipeline


@pytest.fixture(scope="session")
def tiny(make_pipeline: Callable[[], Pipeline]) -> Pipeline:
    """The networks of the fixture `pipeline`, made once; not calibrated."""
    return make_pipeline()
