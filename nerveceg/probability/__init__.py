"""Presence logits to honest probabilities: maps, their fit, prior shift, a bounded miss rate."""
