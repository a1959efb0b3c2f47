"""What a folder of frames holds, before anyone trains on it: in numbers."""

from nerveceg.data.description.describe import describe_frames
from nerveceg.data.description.description import Copies, Description, Part
from nerveceg.data.description.findings import Finding, find_findings
from nerveceg.data.description.measures import Measured, Unread
from nerveceg.data.description.summary import summarise

__all__ = [
    "Copies",
    "Description",
    "Finding",
    "Measured",
    "Part",
    "Unread",
    "describe_frames",
    "find_findings",
    "summarise",
]
