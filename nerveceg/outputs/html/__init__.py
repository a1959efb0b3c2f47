"""HTML pages that need no network: a run's report, a data set's description, an audit's pairs."""
