"""R2: the number of processes that prepare frames changes no weight."""

import pytest

WORKERS = (0, 2, 4)


@pytest.mark.soak
@pytest.mark.parametrize("stage", ["cls", "seg"])
def test_any_number_of_workers_trains_the_same_weights(trainings, figure, stage):
    short = [f"{stage}.epochs=4"]
    for workers in WORKERS:
        trainings.finish(stage, f"with_{workers}", *short, f"runtime.workers={workers}")
    ends = [trainings.digests(f"with_{workers}", stage) for workers in WORKERS]
    assert ends[0] == ends[1] == ends[2]
    figure("R2", f"{stage}: {', '.join(map(str, WORKERS))} workers, one sha256")
