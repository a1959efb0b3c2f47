"""The subject of a frame, read from where its image lies."""

import re
from collections.abc import Callable
from functools import partial
from pathlib import PurePosixPath

from nerveceg.errors import NerveCegError

_KAGGLE = re.compile(r"([0-9]+)_[0-9]+")


def subject_finder(pattern: str | None) -> Callable[[PurePosixPath], str]:
    """What tells the subject of an image from its path inside the data set.

    With a `pattern`: the text of its one group, or of the group named "subject", wherever it is
    found in the path, "" where it isn't. Without: the first sub-folder, else the `{subject}` of
    Kaggle's `{subject}_{k}.tif`, else "" (unknown).

    Raises:
        NerveCegError: `pattern` is no regular expression, or which group holds the subject is open.
    """
    if pattern is None:
        return _subject_of_path
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise NerveCegError(
            f'data.subject_pattern "{pattern}" is no regular expression: {error}'
        ) from error
    if "subject" not in expression.groupindex and expression.groups != 1:
        raise NerveCegError(
            f'data.subject_pattern "{pattern}" has {expression.groups} groups: '
            'one is wanted, or one named "subject", as in "(?P<subject>[0-9]+)_"'
        )
    return partial(_matched_subject, expression)


def _subject_of_path(path: PurePosixPath) -> str:
    if len(path.parts) > 1:
        return path.parts[0]
    match = _KAGGLE.fullmatch(path.stem)
    return match[1] if match else ""


def _matched_subject(expression: re.Pattern[str], path: PurePosixPath) -> str:
    match = expression.search(str(path))
    return str(match["subject" if "subject" in expression.groupindex else 1] or "") if match else ""
