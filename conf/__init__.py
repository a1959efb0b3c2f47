"""The YAML tree that composes a two-stage experiment; read by the tools through Hydra."""
