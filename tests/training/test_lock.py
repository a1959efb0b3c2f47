import os
import subprocess
import sys

import pytest

from nerveceg.errors import NerveCegError
from nerveceg.training.lock import locked, refuse_if_locked


def test_a_folder_in_use_is_refused_with_the_process_that_uses_it(tmp_path):
    refuse_if_locked(tmp_path / "cls")
    assert not (tmp_path / "cls").exists()
    with locked(tmp_path / "cls"):
        for again in (refuse_if_locked, lambda folder: locked(folder).__enter__()):
            with pytest.raises(NerveCegError, match=f"by process {os.getpid()}: .*name=OTHER"):
                again(tmp_path / "cls")
        with locked(tmp_path / "seg"):
            pass
    refuse_if_locked(tmp_path / "cls")


@pytest.mark.slow
def test_a_process_that_died_holds_nothing(tmp_path):
    code = (
        "import os, sys; from pathlib import Path\n"
        "from nerveceg.training.lock import locked\n"
        "with locked(Path(sys.argv[1])): os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "cls"], check=False)
    assert done.returncode == -9
    assert (tmp_path / "cls" / ".lock").read_text() != str(os.getpid())
    with locked(tmp_path / "cls"):
        assert (tmp_path / "cls" / ".lock").read_text() == str(os.getpid())
