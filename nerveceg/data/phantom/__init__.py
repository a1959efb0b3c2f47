"""Synthetic B-mode necks: seeded subjects that yield frames, and a folder of them on disk."""

from nerveceg.data.phantom.subject import PhantomFrame, Protocol, Shot, Subject
from nerveceg.data.phantom.writer import write_phantom

__all__ = ["PhantomFrame", "Protocol", "Shot", "Subject", "write_phantom"]
