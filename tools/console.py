"""What the tools print: log lines that don't tear a progress bar, and mistakes in one line."""

import logging

from tqdm import tqdm


class ProgressHandler(logging.StreamHandler):  # type: ignore[type-arg]
    """Writes log lines above a running progress bar."""

    def __init__(self, stream: object = None) -> None:
        super().__init__()

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line to the error stream."""
        tqdm.write(self.format(record), file=self.stream)
