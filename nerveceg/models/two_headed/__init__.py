"""Networks that look for presence and mask at once: two earlier systems of Kaggle's nerves."""

from nerveceg.models.two_headed.inception_unet import InceptionUNet
from nerveceg.models.two_headed.unet import TwoHeadedUNet

__all__ = ["InceptionUNet", "TwoHeadedUNet"]
