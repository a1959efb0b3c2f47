"""Packages that only some engines need."""

from importlib.util import find_spec

from nerveceg.errors import NerveCegError


def require_extra(package: str, *, extra: str) -> None:
    """Stop where a package isn't installed.

    Raises:
        NerveCegError: it names the extra that brings the package.
    """
    if find_spec(package) is None:
        raise NerveCegError(
            f"this engine needs {package}, which isn't installed: pip install 'nerveceg[{extra}]'"
        )
