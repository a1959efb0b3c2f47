"""R10: where a batch doesn't fit into the memory, the words that are offered do."""

import re

import pytest

WORDS = ["data.geometry.size=[256,352]", "seg.epochs=1"]


@pytest.mark.soak
def test_the_words_that_are_offered_fit(trainings, figure):
    words, tried = ["seg.batch_size=16", "seg.accumulate=1"], []
    for _ in range(6):
        child = trainings.start("seg", "small", *WORDS, *words, memory=700_000_000)
        status = child.wait()
        tried.append(words[0].partition("=")[2])
        if status == 0:
            break
        last = child.said().splitlines()[-1]
        assert status == 2, child.said()
        assert last.startswith(f"error: out of memory at batch_size={tried[-1]}: "), last
        words = re.findall(r"(?:seg\.\w+|overwrite)=\w+", last)
    assert status == 0, child.said()
    assert len(tried) > 1, "the first batch should not have fitted"
    sizes = dict(word.split("=") for word in words)
    assert int(sizes["seg.batch_size"]) * int(sizes["seg.accumulate"]) == 16
    figure("R10", f"batches of {', '.join(tried)}: the last fits, 16 frames an update throughout")
