import hashlib
import resource
from contextlib import contextmanager

import pytest

from nerveceg.files import DiskFullError, append_line, sha256_of, write_bytes, write_together


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


@contextmanager
def no_file_larger_than(size):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_no_room_is_said_in_one_line_and_leaves_the_old_file_alone(tmp_path):
    write_bytes(tmp_path / "state", b"old")
    with no_file_larger_than(100), pytest.raises(DiskFullError) as caught:
        write_bytes(tmp_path / "state", bytes(5000))
    assert [path.name for path in tmp_path.iterdir()] == ["state"]
    assert (tmp_path / "state").read_bytes() == b"old"
    message = str(caught.value)
    assert message.startswith("the disk is full")
    assert "state needs 5,000 bytes" in message
    assert f"are free in {tmp_path}; free some" in message
    assert "\n" not in message


def test_files_that_belong_together_are_replaced_together_or_not_at_all(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    write_together({one: b"1", two: b"1"})
    with no_file_larger_than(100), pytest.raises(DiskFullError, match="two needs 101 bytes"):
        write_together({one: b"2", two: bytes(101)})
    assert (one.read_bytes(), two.read_bytes()) == (b"1", b"1")
    assert len(list(tmp_path.iterdir())) == 2


def test_a_line_that_finds_no_room_is_named(tmp_path):
    append_line(tmp_path / "log", "first")
    with no_file_larger_than(6), pytest.raises(DiskFullError, match="log needs 7 bytes"):
        append_line(tmp_path / "log", "second")
    assert (tmp_path / "log").read_text().startswith("first\n")
