"""Eight frames learnt by heart, as networks of a few thousand weights can."""

from functools import partial

import pytest
import torch
from timm.optim import create_optimizer_v2

from nerveceg.data.dataset import FrameDataset
from nerveceg.data.geometry import Geometry
from nerveceg.runtime import Runtime
from nerveceg.training.fit import fit
from nerveceg.training.schedules import cosine


@pytest.fixture
def learn(tmp_path):
    """Trains a network on frames and scores it on the same; all of them are one batch."""

    def run(model, objective, frames, *, size, lr, epochs, metric):
        torch.manual_seed(0)
        same = FrameDataset(frames, geometry=Geometry(size=size), seed=1, progress=False)
        return fit(
            model,
            objective,
            train=same,
            validation=same,
            folder=tmp_path,
            optimizer=partial(create_optimizer_v2, opt="adamw", lr=lr, weight_decay=0.02),
            schedule=partial(cosine, warm_up=0.1),
            epochs=epochs,
            batch_size=8,
            metric=metric,
            runtime=Runtime(device="cpu"),
            ema=0.0,
        )

    return run
