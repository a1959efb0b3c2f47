"""Files and tables that a person or another program reads."""
