"""R26: the same seed trains the same weights twice."""

import pytest
import torch


@pytest.mark.soak
@pytest.mark.parametrize("stage", ["cls", "seg"])
def test_the_same_seed_gives_the_same_weights_on_a_cpu(trainings, figure, stage):
    short = [f"{stage}.epochs=5"]
    for name, seed in (("one", 0), ("again", 0), ("other", 1)):
        trainings.finish(stage, name, *short, f"seed={seed}")
    one, again, other = (trainings.digests(name, stage) for name in ("one", "again", "other"))
    assert one == again
    assert one["model"] != other["model"]
    figure("R26", f"{stage} on a CPU: the same seed, the same sha256; another seed, another")


@pytest.mark.soak
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("stage", ["cls", "seg"])
def test_the_same_seed_gives_the_same_weights_on_a_gpu(trainings, figure, stage):
    short = [f"{stage}.epochs=5", "runtime.device=cuda", "runtime.deterministic=true"]
    said = [trainings.finish(stage, name, *short).said() for name in ("one", "again")]
    assert trainings.digests("one", stage) == trainings.digests("again", stage)
    cost = next(line for line in said[0].splitlines() if "times as long" in line)
    figure("R26", f"{stage} on a GPU: the same sha256 twice; {cost}")
