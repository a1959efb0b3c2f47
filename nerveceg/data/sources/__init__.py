"""Files that hold frames beside plain images: ultrasound DICOM and clips."""

from nerveceg.data.sources.opening import (
    SUFFIXES,
    holds_pictures,
    may_show_words,
    pictures_in,
    rate_of,
    read_picture,
    shared_spacing,
    spacing_mm,
)
from nerveceg.data.sources.places import clip_of, file_of, name_of

__all__ = [
    "SUFFIXES",
    "clip_of",
    "file_of",
    "holds_pictures",
    "may_show_words",
    "name_of",
    "pictures_in",
    "rate_of",
    "read_picture",
    "shared_spacing",
    "spacing_mm",
]
