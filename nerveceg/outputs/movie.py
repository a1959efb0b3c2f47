"""A clip's predictions to a movie with the contours drawn over its pictures."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nerveceg.data.sources.clips import import_av
from nerveceg.outputs.notice import RESEARCH_USE, with_notice

_QUALITY = "20"  # of 0 (none lost) to 51


def write_movie(path: Path, pictures: Iterable[Image.Image], *, rate: float) -> None:
    """Write RGB pictures as an MP4 (H.264) that browsers play, `rate` of them a second.

    A line below each says what it is for. All take the size of the first, with a
    black row or column more where the codec wants even numbers.

    Raises:
        DataError: the extra for clips is missing.
    """
    import_av(path)
    import av

    with av.open(path, "w", options={"movflags": "+faststart"}) as container:
        container.metadata["comment"] = RESEARCH_USE
        stream = container.add_stream("libx264", rate=Fraction(rate).limit_denominator(1000))
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": _QUALITY}
        for place, picture in enumerate(map(with_notice, pictures)):
            if place == 0:
                stream.width, stream.height = (side + side % 2 for side in picture.size)
            frame = av.VideoFrame.from_ndarray(_fitted(picture, stream.width, stream.height))
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def _fitted(picture: Image.Image, width: int, height: int) -> NDArray[np.uint8]:
    whole = Image.new("RGB", (width, height))
    whole.paste(picture, (0, 0))
    return np.array(whole)
