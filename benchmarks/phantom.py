"""Frames a second a core of the phantom, rendered and written, beside the forty it must reach."""

import platform
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy
import PIL
import scipy

from nerveceg.data.phantom import Protocol, Subject, write_phantom

SUBJECTS = 40
WANTED = 40


class Speed(NamedTuple):
    """Frames a second by the processor's own time and by the clock."""

    processor: float
    clock: float


def measure(work: Callable[[], None], *, frames: int) -> Speed:
    """Speed of `work`, which makes `frames` frames in this process."""
    used, clock = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    work()
    now = resource.getrusage(resource.RUSAGE_SELF)
    seconds = now.ru_utime - used.ru_utime + now.ru_stime - used.ru_stime
    return Speed(frames / seconds, frames / (time.perf_counter() - clock))


def render(*, frames: int) -> None:
    """Render `frames` frames of each subject and drop them."""
    for number in range(1, SUBJECTS + 1):
        for _ in Subject(number, protocol=Protocol(frames=frames)).frames():
            pass


def write(*, frames: int) -> None:
    """Write the same frames to a folder that is deleted again."""
    with tempfile.TemporaryDirectory() as folder:
        write_phantom(
            Path(folder) / "set", subjects=SUBJECTS, frames_per_subject=frames, progress=False
        )


def processor() -> str:
    """The processor's name, where the system tells it."""
    lines = Path("/proc/cpuinfo")
    if not lines.exists():
        return platform.processor()
    names = [line for line in lines.read_text().splitlines() if line.startswith("model name")]
    return names[0].split(":")[1].strip() if names else platform.processor()


def main() -> None:
    """Print the table."""
    print(f"{processor()}, Python {platform.python_version()}, one process")
    print(f"numpy {numpy.__version__}, scipy {scipy.__version__}, Pillow {PIL.__version__}")
    render(frames=1)
    for frames in (3, 20):
        for name, work in (("rendered", render), ("written", write)):
            speed = measure(lambda: work(frames=frames), frames=SUBJECTS * frames)  # noqa: B023
            print(
                f"{SUBJECTS} subjects x {frames:2}, {name:8}: {speed.processor:5.1f} frames a "
                f"second of processor time, {speed.clock:5.1f} by the clock, "
                f"{speed.processor / WANTED:.2f} of the wanted {WANTED}"
            )


if __name__ == "__main__":
    main()
