"""Log lines that don't tear a progress bar."""

import logging
import sys

from tqdm import tqdm


class ProgressHandler(logging.Handler):
    """Writes log lines to the error stream, above a running progress bar."""

    def __init__(self, stream: object = None) -> None:
        """Take Hydra's `stream` and leave it: the error stream of the moment is written to."""
        super().__init__()

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        tqdm.write(self.format(record), file=sys.stderr)
