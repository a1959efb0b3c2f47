import signal
from pathlib import Path

import pytest

from nerveceg.errors import NerveCegError
from nerveceg.tools import stopping
from nerveceg.training.failures import OutOfMemoryError
from nerveceg.training.interruption import Interrupted


@pytest.fixture(autouse=True)
def words(monkeypatch):
    """The command line of a training, which Hydra knows while a tool runs."""
    given = ["data.root=my frames", "name=a", "overwrite=true", "seg.epochs=3"]
    config = type("Known", (), {"overrides": type("Given", (), {"task": given})})
    monkeypatch.setattr(stopping.HydraConfig, "get", lambda: config)


def test_a_signal_ends_in_what_was_saved_and_the_command_to_go_on(capsys):
    saved = Path("runs/a/seg/state/7.safetensors")
    with (
        pytest.raises(SystemExit) as end,
        stopping.stops_in_words("seg", batch_size=1, accumulate=1),
    ):
        raise Interrupted(signal.SIGTERM, saved=saved)
    assert end.value.code == 143
    assert capsys.readouterr().err == (
        "stopped by SIGTERM; its state is saved in runs/a/seg/state; to go on: python "
        "tools/train_seg.py 'data.root=my frames' name=a seg.epochs=3 resume=true\n"
    )


def test_an_interrupt_before_there_is_anything_to_save_says_so(capsys):
    with (
        pytest.raises(SystemExit) as end,
        stopping.stops_in_words("cls", batch_size=1, accumulate=1),
    ):
        raise KeyboardInterrupt
    assert end.value.code == 130
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("batch", "cure"),
    [(16, "seg.batch_size=8 seg.accumulate=4 overwrite=true"), (1, "a smaller data.geometry.size")],
)
def test_a_lack_of_memory_ends_in_the_words_that_would_fit(batch, cure):
    with (
        pytest.raises(NerveCegError, match=f"at batch_size={batch}: {cure}"),
        stopping.stops_in_words("seg", batch_size=batch, accumulate=2),
    ):
        raise OutOfMemoryError(batch_size=batch, accumulate=2)
