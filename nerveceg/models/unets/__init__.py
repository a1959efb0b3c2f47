"""U-Net, R2U-Net, Attention U-Net and R2-Attention U-Net, and the gate made of R2U-Net's blocks."""

from nerveceg.models.unets.classifier import RecurrentClassifier
from nerveceg.models.unets.unet import UNet

__all__ = ["RecurrentClassifier", "UNet"]
