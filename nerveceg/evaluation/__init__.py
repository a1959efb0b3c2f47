"""Counts, scores and the report of both stages together."""
