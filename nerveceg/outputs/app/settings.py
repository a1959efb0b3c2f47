"""Where the page is served, and how much it takes at a time."""

from dataclasses import dataclass

from nerveceg.errors import NerveCegError


@dataclass(frozen=True, kw_only=True)
class PageSettings:
    """Address and limits of the web page.

    host: the address to listen at; another than loopback lets other computers in, without a
        password and without encryption.
    port: the first that is tried and the only one.
    largest_upload: of one file, in megabytes.
    longest_clip: pictures in one file.
    sessions: browsers whose last frame is kept; the oldest is forgotten first.

    Raises:
        NerveCegError: a number outside its range.
    """

    host: str = "127.0.0.1"
    port: int = 7860
    largest_upload: int = 200
    longest_clip: int = 2000
    sessions: int = 32

    def __post_init__(self) -> None:
        for name, most in (
            ("port", 65535),
            ("largest_upload", 10_000),
            ("longest_clip", 20_000),
            ("sessions", 1000),
        ):
            value = getattr(self, name)
            if not isinstance(value, int) or not 1 <= value <= most:
                raise NerveCegError(
                    f"app.{name}={value}: a whole number from 1 to {most:,} is wanted"
                )

    @property
    def largest_bytes(self) -> int:
        """Of one file."""
        return self.largest_upload * 1_000_000

    @property
    def private(self) -> bool:
        """Whether only this computer reaches the page."""
        return self.host in ("127.0.0.1", "localhost")
