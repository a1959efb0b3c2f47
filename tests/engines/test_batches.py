from dataclasses import replace

import pytest
import torch

from nerveceg.data.images import read_image
from nerveceg.engines.batches import InBatches
from nerveceg.errors import NerveCegError
from nerveceg.models.two_heads import TwoHeads
from nerveceg.runtime import IN_CACHE


class Small:
    """A network with memory for so many frames; notes how many it saw at once."""

    def __init__(self, room):
        self.room, self.seen = room, []

    def __call__(self, image):
        if len(image) > self.room:
            torch.empty(2**60)
        self.seen.append(len(image))
        return image.mean((1, 2, 3))


FRAMES = torch.arange(11.0)[:, None, None, None].expand(11, 1, 2, 3)


@pytest.mark.parametrize(("most", "seen"), [(4, [4, 4, 3]), (11, [11]), (16, [11]), (1, [1] * 11)])
def test_frames_go_in_full_batches_and_come_back_in_order(most, seen):
    network = Small(16)
    said = InBatches(network, most=most, halve=False)(FRAMES)
    assert said.tolist() == list(range(11))
    assert network.seen == seen


def test_no_frame_is_a_batch_too():
    assert InBatches(Small(16), most=4, halve=False)(FRAMES[:0]).shape == (0,)


def test_both_heads_come_back():
    network = lambda image: TwoHeads(image.mean((1, 2, 3)), image)  # noqa: E731
    said = InBatches(network, most=4, halve=False)(FRAMES)
    assert isinstance(said, TwoHeads)
    assert torch.equal(said.mask, FRAMES)


def test_where_memory_is_short_half_as_many_are_shown_from_then_on():
    network = Small(3)
    batched = InBatches(network, most=64, halve=True)
    assert batched(FRAMES).tolist() == list(range(11))
    assert network.seen == [2, 2, 2, 2, 2, 1]
    batched(FRAMES[:4])
    assert network.seen[6:] == [2, 2]


def test_a_stated_number_that_does_not_fit_names_one_that_does():
    with pytest.raises(
        NerveCegError,
        match=r"at runtime\.batch_size=8: runtime\.batch_size=2 fits, and runtime\.batch_size=auto",
    ):
        InBatches(Small(3), most=8, halve=False)(FRAMES)


def test_a_stated_number_may_fit_the_next_time():
    network = Small(3)
    batched = InBatches(network, most=8, halve=False)
    with pytest.raises(NerveCegError, match="out of memory"):
        batched(FRAMES)
    network.room = 8
    assert batched(FRAMES).tolist() == list(range(11))
    assert network.seen[-2:] == [8, 3]


def test_a_single_frame_that_does_not_fit_names_a_cure():
    with pytest.raises(NerveCegError, match=r"single frame: .* runtime\.device=cpu"):
        InBatches(Small(0), most=8, halve=True)(FRAMES)


def test_another_mistake_is_not_taken_for_memory():
    def broken(image):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        InBatches(broken, most=8, halve=True)(FRAMES)


def test_a_pipelines_networks_see_full_batches(pipeline, frames):
    images = [read_image(frame.image) for frame in frames[:5]]
    seen = []
    hook = lambda _, given: seen.append(len(given[0]))  # noqa: E731
    segmenter = pipeline.ensemble.members[0].segmenter
    pipeline.rule = replace(pipeline.rule, presence=0.0)
    with segmenter.register_forward_pre_hook(hook):
        pipeline.use(replace(pipeline.runtime, batch_size=2)).predict_batch(images)
        assert seen == [2, 2, 1]
        pipeline.use(replace(pipeline.runtime, batch_size="auto")).predict_batch(images)
    assert seen[3:] == [IN_CACHE, 1]
