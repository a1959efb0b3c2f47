"""Plain files are read within limits, and nothing in them is ever executed."""

import io
import json
import zipfile

import numpy as np
import pytest

from nerveceg.documents import (
    LARGEST_JSON,
    LARGEST_YAML,
    read_arrays,
    read_json,
    read_object,
    read_yaml,
)
from nerveceg.errors import DataError


def refused(read, path, words, **options):
    with pytest.raises(DataError, match=words) as caught:
        read(path, **options)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_json_yaml_and_arrays_come_as_they_were_written(tmp_path):
    values = {"a": [1, 2.5, None, True], "b": {"c": "Nerv \u00fc"}}
    (tmp_path / "x.json").write_text(json.dumps(values), encoding="utf-8")
    (tmp_path / "x.yaml").write_text(json.dumps(values), encoding="utf-8")
    np.savez_compressed(tmp_path / "x.npz", numbers=np.arange(5), words=np.array(["a", "bc"]))
    assert read_object(tmp_path / "x.json") == read_yaml(tmp_path / "x.yaml") == values
    arrays = read_arrays(tmp_path / "x.npz")
    assert arrays["numbers"].tolist() == [0, 1, 2, 3, 4]
    assert arrays["words"].tolist() == ["a", "bc"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is no JSON file"),
        ("{", "is no JSON file"),
        ("[" * 200_000, "nested too deeply"),
        ('{"a":' * 200_000, "nested too deeply"),
        ("[1]", "holds no JSON object"),
        ("9" * 5000, "is no JSON file"),
    ],
)
def test_json_that_is_none_is_refused(tmp_path, text, words):
    (tmp_path / "x.json").write_text(text)
    refused(read_object, tmp_path / "x.json", words)


BOMB = "\n".join(["a0: &a0 [x, x]", *(f"a{k}: &a{k} [*a{k - 1}, *a{k - 1}]" for k in range(1, 60))])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [", "is no YAML file"),
        ("- 1", "holds no YAML mapping"),
        ("", "holds no YAML mapping"),
        ("a: !!python/object/apply:os.system ['exit 1']", "is no YAML file: could not determine"),
        ("a: !!python/name:os.system", "is no YAML file: could not determine"),
        (BOMB, "has an alias"),
        ("[" * 1000, "nested too deeply"),
    ],
)
def test_yaml_that_is_more_than_values_is_refused(tmp_path, text, words):
    (tmp_path / "x.yaml").write_text(text)
    refused(read_yaml, tmp_path / "x.yaml", words)


@pytest.mark.parametrize(
    ("read", "largest"), [(read_json, LARGEST_JSON), (read_yaml, LARGEST_YAML)]
)
def test_an_oversized_file_is_refused_without_being_parsed(tmp_path, read, largest):
    with (tmp_path / "x").open("wb") as file:
        file.truncate(largest + 1)
    refused(read, tmp_path / "x", f"over {largest:,} bytes")


@pytest.mark.parametrize("read", [read_json, read_yaml, read_arrays])
def test_what_is_no_file_is_refused(tmp_path, read):
    (tmp_path / "folder").mkdir()
    (tmp_path / "endless").symlink_to("/dev/zero")
    for name in ("gone", "folder", "endless"):
        refused(read, tmp_path / name, "no file|No such|Is a directory|no arrays")


def with_header(shape):
    """An .npz whose array of 8 bytes claims another shape."""
    content = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        content, {"descr": "<f8", "fortran_order": False, "shape": shape}
    )
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("x.npy", content.getvalue() + bytes(8))
    return packed.getvalue()


@pytest.mark.parametrize("shape", [(2,), (10**15,), (10**15, 10**15)])
def test_arrays_that_claim_more_than_there_is_are_refused(tmp_path, shape):
    (tmp_path / "x.npz").write_bytes(with_header(shape))
    refused(read_arrays, tmp_path / "x.npz", "holds no arrays")


def test_arrays_that_would_fill_the_memory_are_refused(tmp_path):
    np.savez_compressed(tmp_path / "x.npz", zeros=np.zeros(1_000_000, np.uint8))
    assert (tmp_path / "x.npz").stat().st_size < 2000
    refused(read_arrays, tmp_path / "x.npz", "claim 1,000,128 bytes, at most", largest=1_000_000)


def test_an_archive_is_never_unpacked_to_the_disk(tmp_path):
    inner, path = io.BytesIO(), tmp_path / "a" / "x.npz"
    path.parent.mkdir()
    np.lib.format.write_array(inner, np.arange(3))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../canary.npy", inner.getvalue())
        archive.writestr(str(tmp_path / "canary.npy"), inner.getvalue())
    assert all(array.tolist() == [0, 1, 2] for array in read_arrays(path).values())
    assert [found.name for found in tmp_path.rglob("*")] == ["a", "x.npz"]
