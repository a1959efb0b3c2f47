"""A training that ends before its time: what was saved, what would fit, and the words to go on."""

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from hydra.core.hydra_config import HydraConfig

from nerveceg.errors import NerveCegError
from nerveceg.processes import count, is_first


@contextmanager
def stops_in_words(stage: str, *, batch_size: int, accumulate: int) -> Iterator[None]:
    """Let a signal and a lack of memory end a stage in one line.

    Raises:
        SystemExit: 130 after SIGINT, 143 after SIGTERM.
        NerveCegError: the memory; it names what would fit.
    """
    from nerveceg.training.failures import OutOfMemoryError, failures_in_words
    from nerveceg.training.interruption import Interrupted

    try:
        with failures_in_words(batch_size=batch_size, accumulate=accumulate):
            yield
    except Interrupted as stop:
        if is_first():
            print(f"{stop}; to go on: {command_again(stage)} resume=true", file=sys.stderr)
        raise SystemExit(stop.status) from None
    except KeyboardInterrupt:
        if is_first():
            print("stopped by SIGINT before the first update: nothing was saved", file=sys.stderr)
        raise SystemExit(130) from None
    except OutOfMemoryError as error:
        if not error.smaller:
            cure = "a smaller data.geometry.size or network is wanted"
        else:
            cure = (
                f"{stage}.batch_size={error.batch_size} {stage}.accumulate={error.accumulate} "
                "overwrite=true takes less and learns from as many frames an update"
            )
        raise NerveCegError(f"{error}: {cure}") from error


def command_again(stage: str) -> str:
    """The command that trains the stage as it was trained, to be read by a shell."""
    given = HydraConfig.get().overrides.task
    words = [word for word in given if word.split("=")[0] not in ("resume", "overwrite")]
    several = ["torchrun", "--standalone", "--nproc_per_node", str(count())]
    start = several if count() > 1 else ["python"]
    return shlex.join([*start, f"tools/train_{stage}.py", *words])
