import hashlib

import pytest

from nerveceg.files import sha256_of, write_bytes


def test_the_sha256_is_that_of_the_bytes(tmp_path):
    (tmp_path / "file").write_bytes(b"nerve" * 100_000)
    assert sha256_of(tmp_path / "file") == hashlib.sha256(b"nerve" * 100_000).hexdigest()


def test_a_write_replaces_the_file_and_leaves_nothing_beside_it(tmp_path):
    for content in (b"old", b"new"):
        write_bytes(tmp_path / "file", content)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("file", b"new")]


def test_a_write_that_fails_leaves_the_old_file_whole(tmp_path):
    write_bytes(tmp_path / "file", b"old")
    with pytest.raises(TypeError):
        write_bytes(tmp_path / "file", "no bytes")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("file", b"old")]
