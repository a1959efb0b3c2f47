"""Which training frames look most like the nerve to stage 1."""

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from nerveceg.data.dataset import FrameDataset, collate
from nerveceg.data.sampling import EpochSampler
from nerveceg.runtime import Runtime


@torch.inference_mode()
def presence_logits(
    classifier: nn.Module, dataset: FrameDataset, *, runtime: Runtime, batch_size: int = 32
) -> Tensor:
    """Stage 1's logit for every frame of a data set, float32 [F] on the CPU."""
    model = runtime.place(classifier).eval()
    order = EpochSampler(range(len(dataset)), seed=0, shuffled=False)
    loader = DataLoader(dataset.plain(), batch_size=batch_size, sampler=order, collate_fn=collate)
    logits = []
    for batch in loader:
        with runtime.autocast():
            logits.append(model(batch.image.to(runtime.torch_device)).float().cpu())
    return torch.cat(logits)
