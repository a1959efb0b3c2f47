"""A pipeline as a folder of graphs and plain files, which predicts without torch."""

from nerveceg.exported.pipeline import ExportedPipeline

__all__ = ["ExportedPipeline"]
