"""What a stream of made-up people changes in training a stage: `data.stream` gives its frames."""

import time
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from nerveceg.errors import NerveCegError
from nerveceg.tools.composition import build, data_in_words

if TYPE_CHECKING:
    from nerveceg.data.stream import PhantomStream
    from nerveceg.runtime import Runtime

TRIED = 4
"""Frames that are rendered to say how long one takes."""


def check_stream(data: DictConfig) -> None:
    """Refuse what a stream has no use for.

    Raises:
        NerveCegError: a policy for near-duplicates, of which a stream has none.
    """
    if data.stream is not None and data.conflicts != "keep":
        raise NerveCegError(
            f"data.conflicts={data.conflicts} beside data.stream: made-up people have no "
            "near-duplicates, take data.conflicts=keep"
        )


def make_stream(config: DictConfig, **seen: Any) -> "PhantomStream":
    """The stream of the configured people; seen: further arguments of `PhantomStream`."""
    from nerveceg.data.stream import PhantomStream

    return PhantomStream(**build(config.data.stream), seed=config.seed, **seen)


def frames_an_epoch(config: DictConfig, *, on_disk: int) -> int:
    """Training frames of an epoch: the stream's, or those on disk."""
    from nerveceg.data.phantom.encounter import VIEWS

    stream = config.data.stream
    return on_disk if stream is None else VIEWS * int(stream.people)


def training_data_in_words(config: DictConfig) -> str:
    """Which frames a stage learns from."""
    there = data_in_words(config)
    if config.data.stream is None:
        return there
    return f"a stream of made-up people, validated on {there}"


def seconds_to_render(config: DictConfig, runtime: "Runtime") -> float:
    """Seconds that a frame of the stream waits for its rendering at most; 0 without a stream."""
    if config.data.stream is None:
        return 0.0
    stream = make_stream(config, geometry=build(config.data.geometry))
    begun = time.perf_counter()
    for place in range(TRIED):
        stream[0, place % len(stream)]
    return (time.perf_counter() - begun) / TRIED / max(1, runtime.worker_count)
