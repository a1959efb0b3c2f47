"""The line that everything a person sees carries."""

RESEARCH_USE = "Research use only; not a medical device; not for guiding a needle."
