"""What the user can mend: one line that names the bad value, the wanted one and the cure."""


class NerveCegError(ValueError):
    """A mistake in what the user gave; the tools print its one line without a traceback."""

    status = 2
    """Exit status of the tool that met it."""


class DataError(NerveCegError):
    """A file that can't be used; the message names it."""
