"""What tests start as one process or several: it trains and scores, and leaves what they compare.

torchrun --standalone --nproc_per_node 2 tests/launched.py FRAMES FOLDER train score OTHERS
"""

import hashlib
import json
import sys
from functools import partial
from pathlib import Path

import torch
from timm.optim import create_optimizer_v2
from timm.utils.model import freeze_batch_norm_2d

from nerveceg import processes
from nerveceg.data.dataset import FrameDataset
from nerveceg.data.frames import find_frames
from nerveceg.data.geometry import Geometry
from nerveceg.data.presence import is_present
from nerveceg.evaluation.evaluate import evaluate
from nerveceg.inference import predict_frames
from nerveceg.models.classifier import Classifier
from nerveceg.models.segmenter import Segmenter
from nerveceg.outputs.predictions import PredictionWriter
from nerveceg.pipeline import Pipeline
from nerveceg.runtime import Runtime
from nerveceg.training import fit as fitting
from nerveceg.training.losses import BceDice
from nerveceg.training.objectives import MaskObjective, PresenceObjective
from nerveceg.training.run import Run
from nerveceg.training.schedules import cosine

TOGETHER = 2
"""Batches of an update: of as many processes at once, or of one, one after the other."""
RATES = {"sgd": 0.05, "adamw": 0.001}


class Kept(Run):
    """A run that can be looked at when it is over."""

    last: Run

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        Kept.last = self


def sides(frames):
    """Eight frames of both kinds to learn from, the other twenty-two to be scored on."""
    nerve, none = ([f for f in frames if is_present(f) == side] for side in (True, False))
    train = nerve[:4] + none[:4]
    return train, [frame for frame in frames if frame not in train]


def network(stage, *, frozen):
    torch.manual_seed(0)
    model = (
        Classifier("test_efficientnet", dropout=0.2, drop_path=0.1)
        if stage == "cls"
        else Segmenter("Unet", encoder="tu-test_resnet", decoder_channels=[32, 16, 16, 8, 8])
    )
    return freeze_batch_norm_2d(model) if frozen else model


def train(
    frames, folder, *, stage="cls", optimizer="sgd", frozen=True, epochs=4, resume=False, batch=2
):
    """Train a tiny stage; each process leaves what its weights and their average came to."""
    train, validation = (
        FrameDataset(side, geometry=Geometry(size=(32, 64)), progress=False)
        for side in sides(find_frames(frames))
    )
    objective = (
        PresenceObjective() if stage == "cls" else MaskObjective(loss=BceDice(), frames="all")
    )
    fitting.Run = Kept
    fitting.fit(
        network(stage, frozen=frozen),
        objective,
        train=train,
        validation=validation,
        folder=folder,
        optimizer=partial(create_optimizer_v2, opt=optimizer, lr=RATES[optimizer]),
        schedule=partial(cosine, warm_up=0.1),
        epochs=epochs,
        batch_size=batch,
        accumulate=TOGETHER // processes.count(),
        metric=objective.metrics[0],
        runtime=Runtime(device="cpu", save_every=1),
        seed=3,
        resume=resume,
    )
    digests = [digest_of(Kept.last._plain.parameters()), digest_of(Kept.last.averaged.parameters())]
    digests.append(digest_of(Kept.last.averaged.state_dict().values()))
    (folder / f"rank_{processes.rank()}.json").write_text(json.dumps(digests))


def digest_of(tensors):
    whole = hashlib.sha256()
    for tensor in tensors:
        whole.update(tensor.detach().numpy().tobytes())
    return whole.hexdigest()


def score(frames, folder):
    """Evaluate and predict with the pipeline in the folder, as far as its frames can be read."""
    runtime = Runtime(device="cpu", batch_size=2)
    pipeline = Pipeline.from_pretrained(folder / "pipeline", runtime=runtime)
    found, shares = find_frames(frames), folder / f"scored_{processes.count()}"
    known, options = found[:7], {"on_error": "skip", "progress": False}
    with PredictionWriter(shares, overwrite=True) as writer:
        report = evaluate(pipeline, known, watch=writer.write, resamples=50, **options)
        lost = predict_frames(pipeline, found[7:], watch=writer.write, **options)
        writer.finish()
    if processes.is_first():
        report.report.save(shares)
        report.tally.save(shares / "tally.npz")
        (shares / "lost.json").write_text(json.dumps([report.failures, lost]))


def main():
    frames, folder = map(Path, sys.argv[1:3])
    if "train" in sys.argv:
        train(frames, folder / "cls_adamw", optimizer="adamw")
    if "all" in sys.argv:
        for stage in ("cls", "seg"):
            for optimizer in RATES:
                train(frames, folder / f"{stage}_{optimizer}", stage=stage, optimizer=optimizer)
        train(frames, folder / "seg_sgd_live", stage="seg", frozen=False)
    if "score" in sys.argv:
        score(Path(sys.argv[-1]), folder)
    processes.leave()


if __name__ == "__main__":
    main()
