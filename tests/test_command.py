"""What every command does with an error; what the tools themselves do stands in test_tools.py."""

import pytest

from nerveceg.errors import NerveCegError
from nerveceg.tools.command import _about_memory


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (RuntimeError("CUDA out of memory.\nTried 2 GiB"), "Tried 2 GiB): a smaller runtime.batch"),
        (MemoryError(), "out of memory (Python): a smaller runtime.batch_size"),
        (RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed."), "fewer runtime.w"),
    ],
)
def test_too_little_memory_is_one_line_with_its_cure(error, said):
    found = _about_memory(error)
    assert isinstance(found, NerveCegError)
    assert said in str(found)
    assert "\n" not in str(found)


def test_any_other_error_keeps_its_traceback():
    with pytest.raises(RuntimeError, match="shapes"):
        _about_memory(RuntimeError("shapes differ"))
