"""The command-line tools: each composes the configuration, calls the library and prints."""
