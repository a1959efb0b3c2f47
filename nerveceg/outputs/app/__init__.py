"""The web page, and the service behind it that answers programs too."""

from nerveceg.outputs.app.service import Answer, Seen, Service
from nerveceg.outputs.app.settings import PageSettings

__all__ = ["Answer", "PageSettings", "Seen", "Service"]
