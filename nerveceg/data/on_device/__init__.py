"""Augmentation of whole batches on the device that trains."""

from nerveceg.data.on_device.augmentation import DeviceAugmentation
from nerveceg.data.on_device.moves import Elastic, Warp
from nerveceg.data.on_device.tones import Blur, Gain, Gamma, Speckle

__all__ = ["Blur", "DeviceAugmentation", "Elastic", "Gain", "Gamma", "Speckle", "Warp"]
