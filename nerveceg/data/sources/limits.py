"""How large a file with pictures may claim to be."""

MOST_PIXELS = 50_000_000
"""Of one picture."""

MOST_PICTURES = 20_000
"""Of one file: eleven minutes at 30 a second."""
