"""Log lines that don't tear a progress bar, of one process."""

import logging
import shlex
import sys

from tqdm import tqdm

from nerveceg.processes import is_first

logger = logging.getLogger(__name__)


def next_step(*words: object) -> None:
    """Say which command comes next, to be copied into a shell."""
    logger.info("next: %s", shlex.join(["python", *map(str, words)]))


class ProgressHandler(logging.Handler):
    """Writes log lines to the error stream, above a running progress bar.

    Of several processes the first writes; the others would say the same.
    """

    def __init__(self, stream: object = None) -> None:
        """Take Hydra's `stream` and leave it: the error stream of the moment is written to."""
        super().__init__()

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        if is_first():
            tqdm.write(self.format(record), file=sys.stderr)
