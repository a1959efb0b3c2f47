"""Frames on disk to batches: reading, splitting, geometry, augmentation, phantoms."""
