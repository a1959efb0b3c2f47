"""Networks of both stages, their weights and their files."""
