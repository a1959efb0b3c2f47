"""Runs that versions of every schema wrote are loaded and predict what they predicted then."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from nerveceg.checkpoint import read_description
from nerveceg.errors import NerveCegError
from nerveceg.pipeline import Pipeline
from nerveceg.schema import SCHEMA, to_current

GOLDEN = Path(__file__).parent / "golden"
"""Each written by the version of its time: a run of tiny networks, and what it predicted."""


def unpack(schema, folder):
    with zipfile.ZipFile(GOLDEN / f"schema_{schema}.zip") as archive:
        archive.extractall(folder)
    return folder / "run", json.loads((folder / "wanted.json").read_text())


def picture():
    rows, columns = np.mgrid[:60, :80]
    return ((rows * 3 + columns * columns // 7) % 256).astype(np.uint8)


@pytest.mark.parametrize("schema", range(1, SCHEMA + 1))
def test_a_run_of_every_schema_predicts_what_it_did_then(tmp_path, schema):
    run, wanted = unpack(schema, tmp_path)
    assert json.loads((run / "pipeline.json").read_text())["schema"] == schema
    pipeline = Pipeline.from_pretrained(run)
    presence, mask, *_ = pipeline.predict(picture())
    assert float(presence) == pytest.approx(wanted["presence"], abs=1e-5)
    assert abs(int(mask.sum()) - wanted["area"]) <= 2  # a rounding may move a pixel of the edge
    assert len(read_description(run).trained_on) == wanted["trained_on"]


def test_a_run_of_an_earlier_schema_is_written_as_todays(tmp_path):
    run, wanted = unpack(1, tmp_path)
    Pipeline.from_pretrained(run).save_pretrained(tmp_path / "again")
    assert json.loads((tmp_path / "again/pipeline.json").read_text())["schema"] == SCHEMA
    presence, *_ = Pipeline.from_pretrained(tmp_path / "again").predict(picture())
    assert float(presence) == pytest.approx(wanted["presence"], abs=1e-5)


@pytest.mark.parametrize(
    ("schema", "cure"),
    [(SCHEMA + 1, "take a later version"), (0, "train it again"), ("2", "train it again")],
)
def test_a_schema_that_is_not_known_says_which_are(tmp_path, schema, cure):
    with pytest.raises(NerveCegError, match=f"reads 1 to {SCHEMA}: .*{cure}") as caught:
        to_current({"schema": schema}, tmp_path / "pipeline.json")
    assert f"{tmp_path / 'pipeline.json'} has schema {schema!r}" in str(caught.value)
