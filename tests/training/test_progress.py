import json
import math

import pytest

from nerveceg.training.progress import MOST_SKIPPED, DivergedError, Fitted, Progress


def test_the_loss_of_an_epoch_is_the_mean_over_its_batches_however_often_it_was_stopped():
    whole, stopped = Progress(), Progress()
    updates = [[0.1, 0.7], [0.3, 0.2], [1e-9]]
    for losses in updates:
        whole.learned(losses)
        stopped.learned(losses)
        again = Progress()
        again.restore(json.loads(json.dumps(stopped.state())))
        stopped = again
    assert stopped == whole
    assert whole.mean_loss() == pytest.approx(math.fsum(sum(updates, [])) / 5)
    assert whole.updates == 3


def test_updates_that_were_left_out_count_neither_as_updates_nor_in_the_loss():
    progress = Progress()
    progress.learned([0.5])
    progress.skip([math.nan])
    progress.learned([1.5])
    assert (progress.updates, progress.skipped, progress.mean_loss()) == (2, 1, 1.0)
    progress.finish_epoch()
    assert (progress.epoch, progress.skipped, progress.losses) == (1, 0, 0)


@pytest.mark.parametrize(
    ("loss", "words"), [(math.nan, "the loss is nan"), (-math.inf, "-inf"), (0.5, "a gradient")]
)
def test_too_many_in_a_row_end_the_run_also_over_epochs(loss, words):
    progress = Progress(epoch=1)
    for _ in range(MOST_SKIPPED):
        progress.skip([0.1, loss])
    progress.finish_epoch()
    with pytest.raises(DivergedError, match=f"{MOST_SKIPPED + 1} updates in a row.*{words}") as end:
        progress.skip([loss])
    assert "epoch 3" in str(end.value)
    assert end.value.status == 4


def test_an_epoch_without_an_update_has_no_loss():
    progress = Progress()
    progress.skip([math.nan])
    with pytest.raises(DivergedError, match="none of 1 updates had finite numbers in epoch 1"):
        progress.mean_loss()


def test_the_best_epoch_comes_back_as_what_it_was():
    progress = Progress(best=Fitted(0.5, 3))
    again = Progress()
    again.restore(progress.state())
    assert again.best.score == 0.5
    fresh = json.loads(json.dumps(Progress().state()))
    again.restore(fresh)
    assert again.best == Fitted(-math.inf, 0)
