"""R9: a loss or gradient that is no number is left out up to five times in a row, then ends it."""

import itertools
import math
from functools import partial

import pytest
from timm.optim import create_optimizer_v2

from nerveceg.data.dataset import FrameDataset
from nerveceg.data.geometry import Geometry
from nerveceg.models.saving import load_model
from nerveceg.runtime import Runtime
from nerveceg.training.checkpointing import States
from nerveceg.training.fit import fit
from nerveceg.training.objectives import PresenceObjective
from nerveceg.training.progress import MOST_SKIPPED, DivergedError
from nerveceg.training.schedules import cosine

FACTORS = (math.nan, math.inf, -math.inf)
FIRST = (1, 2, 9)
LENGTHS = (1, 3, MOST_SKIPPED, MOST_SKIPPED + 1)


class Breaking(PresenceObjective):
    """Loss, or the gradient alone, of some updates in a row is no number."""

    def __init__(self, *, first, length, factor, alone):
        super().__init__()
        self.broken, self.factor, self.alone = range(first, first + length), factor, alone
        self.seen = 0

    def loss(self, output, batch):
        self.seen += 1
        loss = super().loss(output, batch)
        if self.seen not in self.broken:
            return loss
        if not self.alone:
            return loss * self.factor
        output.register_hook(lambda gradient: gradient * self.factor)
        return loss


@pytest.mark.soak
def test_what_is_no_number_never_reaches_a_file(frames, make_classifier, tmp_path, figure):
    shown = FrameDataset(frames, geometry=Geometry(size=(32, 32)), progress=False)
    cases = list(itertools.product(FIRST, LENGTHS, FACTORS, (False, True)))
    ended = skipped = 0
    for place, (first, length, factor, alone) in enumerate(cases):
        folder = tmp_path / str(place)
        try:
            fit(
                make_classifier(0),
                Breaking(first=first, length=length, factor=factor, alone=alone),
                train=shown,
                validation=shown,
                folder=folder,
                optimizer=partial(create_optimizer_v2, opt="adamw", lr=0.01),
                schedule=cosine,
                epochs=1,
                batch_size=2,
                metric="log_likelihood",
                runtime=Runtime(device="cpu", save_every=1),
            )
            assert length <= MOST_SKIPPED
            skipped += length
        except DivergedError:
            assert length > MOST_SKIPPED
            ended += 1
        if first > 1:
            state = States(folder / "state").load()
            parts = [state["model"], state["ema"]]
            assert all(tensor.isfinite().all() for part in parts for tensor in part.values())
        if (folder / "model.safetensors").exists():
            assert all(p.isfinite().all() for p in load_model(folder).state_dict().values())
    assert DivergedError.status == 4
    figure(
        "R9",
        f"{len(cases)} runs: {skipped} updates left out, {ended} of "
        f"{sum(length > MOST_SKIPPED for _, length, *_ in cases)} runs of six in a row ended with "
        "status 4, no state and no weights with a NaN",
    )
